"""Scored models of a grid, as they lie in the folders of their steps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from models.adapted.files import SUMMARY

Place = tuple[str, int]
"""A mode and a number of labels."""


@dataclass(frozen=True)
class Scored:
    """One scored model: the folders of its steps, and what they took."""

    score: Path
    predictions: Path
    adapted: Path
    seconds: float
    memory: float | None

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What `adapt` says of itself."""
        return json.loads((self.adapted / SUMMARY).read_text(encoding="utf-8"))

    @cached_property
    def details(self) -> dict[str, Any]:
        """What `score` found beside the metrics."""
        return json.loads((self.score / "details.json").read_text(encoding="utf-8"))

    def history(self, metric: str) -> list[tuple[int, float]]:
        """Steps and the metric on validation rows; empty where nothing was trained."""
        path, name = self.adapted / "history.parquet", f"eval_{metric}"
        if not path.is_file():
            return []
        frame = pl.read_parquet(path)
        if name not in frame.columns:
            return []
        return [(int(step), float(value)) for step, value in frame.select("step", name).drop_nulls().rows()]


Seeds = Mapping[int, Scored]
"""The models of a cell by their seed."""
