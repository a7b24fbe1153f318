"""Quarantined rows as they are kept: a table of all, and a file of its own for each text too long for a table."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from models.data import counts
from models.errors import DataError

FILE = "quarantine.parquet"
FOLDER = "quarantine"
LIMIT = 4_000
"""Characters of a bad row that the table holds."""
FILES = 1_000
"""Files at most; of rows beyond them only the beginning is kept, and the counts say of how many."""


class Shelf:
    """The files of long texts, `quarantine/000001.txt` and so on, in the folder of an artifact.

    Attributes:
        cut: rows of which only the beginning is kept.
    """

    def __init__(self, out: Path, before: Path | None = None) -> None:
        """`before`: the artifact of the step before, whose files come first."""
        self._out, self.cut = out, 0
        if before is not None and (before / FOLDER).is_dir():
            shutil.copytree(before / FOLDER, out / FOLDER)
        self._files = len(list((out / FOLDER).glob("*.txt")))

    def put(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows of the table with their long texts cut, which `raw_file` has whole."""
        return [self._put(row) if len(row["raw"]) > LIMIT else row for row in rows]

    def attach(self, attach: Callable[[Path], None]) -> None:
        """Hands the table and the files to whoever keeps them where the step fails."""
        for name in (FILE, FOLDER):
            if (self._out / name).exists():
                attach(self._out / name)

    def _put(self, row: dict[str, Any]) -> dict[str, Any]:
        cut = row | {"raw": row["raw"][:LIMIT]}
        if self._files == FILES:
            self.cut += 1
            return cut
        self._files += 1
        name = f"{FOLDER}/{self._files:06d}.txt"
        (self._out / FOLDER).mkdir(exist_ok=True)
        (self._out / name).write_bytes(row["raw"].encode())
        return cut | {"raw_file": name}


def told(reasons: Mapping[str, int], quarantine: pl.DataFrame) -> str:
    """What is wrong with rows, where the first of them stands, and the value that is wrong with it."""
    if quarantine.is_empty():
        return counts.by_reason(reasons)
    file, line, value = quarantine.select("file", "line", "value").row(0)
    shown = f" ({value})" if value else ""
    return f"{counts.by_reason(reasons)}; the first is {file}, line {line}{shown}"


def said(found: Mapping[str, Any], unlike_named: str = "") -> str:
    """How many rows are in quarantine and why, from the counts; `unlike_named`: as `outside` has it."""
    number = sum(found["quarantined"].values())
    words = [counts.by_reason(found["quarantined"]), *([unlike_named] if unlike_named else [])]
    return f"{counts.so_many(number, 'row')} in quarantine: {'; '.join(words)}"


def check_share(
    found: Mapping[str, Any], quarantine: pl.DataFrame, threshold: float, unlike_named: str = ""
) -> None:
    """
    Raises:
        DataError: with the counts by reason and the first bad row, where too many rows failed, or all.
    """
    number = sum(found["quarantined"].values())
    if not found["read"]:
        raise DataError("the sources hold no rows at all; check the files the recipe names")
    share = number / found["read"]
    if share > threshold or not found["kept"]:
        words = told(found["quarantined"], quarantine) + (unlike_named and f"; {unlike_named}")
        raise DataError(
            f"{number:,} of {found['read']:,} rows ({share:.1%}) are bad, and 'quarantine' allows "
            f"{threshold:.1%}: {words}. Mend the files (this step's MLflow run "
            "has them all in quarantine.parquet) or raise 'quarantine'"
        )
