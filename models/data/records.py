"""What a source yields, row by row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Part = Literal["train", "validation", "test"]
"""A published part of a data set."""

PROVENANCE = ("file", "line", "part", "group")
"""Columns every row carries beside its own: where it came from, its published part, what must not be torn apart."""


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
