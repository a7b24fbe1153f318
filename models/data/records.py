"""What a source yields, row by row, and the columns of what becomes of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
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


def as_text(value: Any) -> str:
    """A value as it would stand in a text file."""
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str:
    """A value as JSON; what JSON has no form for, such as a date, is an object that names its type."""
    return json.dumps(value, ensure_ascii=False, default=lambda other: {type(other).__name__: str(other)})
