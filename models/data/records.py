"""What a source yields, row by row, and how rows become Parquet without filling the memory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

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


class Spool:
    """Rows written batch by batch and joined into one Parquet file at the end."""

    def __init__(self, folder: Path, name: str, schema: Mapping[str, Any]) -> None:
        self._folder, self._name, self._schema = folder, name, schema
        self._parts: list[Path] = []
        self.rows = 0

    def write(self, rows: list[dict[str, Any]] | pl.DataFrame) -> None:
        """Appends rows; columns that a row lacks are null."""
        if not len(rows):
            return
        path = self._folder / f"{self._name}-{len(self._parts):06d}.parquet"
        pl.DataFrame(rows, schema=self._schema).write_parquet(path, compression="zstd")
        self._parts.append(path)
        self.rows += len(rows)

    def close(self, target: Path) -> None:
        """Joins what was written into `target`, in order, and removes the batches."""
        if self._parts:
            joined = pl.concat([pl.scan_parquet(path) for path in self._parts])
            joined.sink_parquet(target, compression="zstd", row_group_size=50_000, maintain_order=True)
        else:
            pl.DataFrame(schema=self._schema).write_parquet(target, compression="zstd")
        for path in self._parts:
            path.unlink()


def as_text(value: Any) -> str:
    """A value as it would stand in a text file."""
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str:
    """A value as JSON; what JSON has no form for, such as a date, is an object that names its type."""
    return json.dumps(value, ensure_ascii=False, default=lambda other: {type(other).__name__: str(other)})
