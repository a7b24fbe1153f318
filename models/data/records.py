"""What a source yields, row by row, and how rows become Parquet without filling the memory."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow.parquet as parquet

Part = Literal["train", "validation", "test"]
"""A published part of a data set."""

PROVENANCE = ("file", "line", "part", "group")
"""Columns every row carries beside its own: where it came from, its published part, what must not be torn apart."""

QUARANTINE = {
    "file": pl.String,
    "line": pl.Int64,
    "id": pl.String,
    "field": pl.String,
    "reason": pl.String,
    "value": pl.String,
    "raw": pl.String,
    "raw_file": pl.String,
}
"""Columns of quarantine.parquet; `raw_file` is where the whole of a long `raw` stands, "" for others."""

REMOVED = {
    "id": pl.String,
    "file": pl.String,
    "line": pl.Int64,
    "reason": pl.String,
    "kept_id": pl.String,
    "kept_file": pl.String,
}
"""Columns of a corpus's removed.parquet; the row that is repeated, or of labelled rows the one that stands in it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row as a source read it: canonical column -> value, not yet checked."""

    fields: Mapping[str, Any]
    file: str
    line: int
    part: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row that is set aside; `reason` is a short category that can be counted, `value` what is wrong."""

    file: str
    line: int
    field: str
    reason: str
    raw: str
    id: str = ""
    value: str = ""

    @property
    def category(self) -> str:
        """What it is counted under."""
        return f"{self.field}: {self.reason}" if self.field else self.reason

    def row(self) -> dict[str, Any]:
        """As a row of quarantine.parquet."""
        return {
            "file": self.file,
            "line": self.line,
            "id": self.id,
            "field": self.field,
            "reason": self.reason,
            "value": self.value,
            "raw": self.raw,
            "raw_file": "",
        }


GROUP, GROUP_BYTES = 50_000, 1 << 26
"""Rows of a group in a Parquet file, or bytes where they are large: what is held before it is written."""


class Spool:
    """Rows written batch by batch to a Parquet file, which takes its place at the end."""

    def __init__(self, folder: Path, name: str, schema: Mapping[str, Any]) -> None:
        self._path, self._schema = folder / f"{name}.parquet", schema
        self._held: list[pl.DataFrame] = []
        self._writer: parquet.ParquetWriter | None = None
        self.rows = 0

    def write(self, rows: list[dict[str, Any]] | pl.DataFrame) -> None:
        """Appends rows; columns that a row lacks are null."""
        if not len(rows):
            return
        if isinstance(rows, list):  # column by column, which polars takes in several times as fast
            columns: Any = {name: [row.get(name) for row in rows] for name in self._schema}
        else:
            columns = rows
        self._held.append(pl.DataFrame(columns, schema=self._schema))
        self.rows += len(rows)
        if (
            sum(some.height for some in self._held) >= GROUP
            or sum(some.estimated_size() for some in self._held) >= GROUP_BYTES
        ):
            self._write_group()

    def close(self, target: Path) -> None:
        """Makes the file, in the order of what was written, and moves it to `target`."""
        if self._held or self._writer is None:
            self._write_group()
        assert self._writer is not None
        self._writer.close()
        shutil.move(self._path, target)

    def _write_group(self) -> None:
        group = pl.concat([pl.DataFrame(schema=self._schema), *self._held]).to_arrow()
        self._held = []
        if self._writer is None:
            self._writer = parquet.ParquetWriter(
                self._path, group.schema, compression="zstd", compression_level=3, use_dictionary=False
            )
        self._writer.write_table(group, max(1, len(group)))


def as_text(value: Any) -> str:
    """A value as it would stand in a text file."""
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str:
    """A value as JSON; what JSON has no form for, such as a date, is an object that names its type."""
    return json.dumps(value, ensure_ascii=False, default=lambda other: {type(other).__name__: str(other)})
