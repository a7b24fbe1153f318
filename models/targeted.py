"""What classification and pairs have in common: texts are put into one of a few classes, or on a scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field

from models.downstream import Downstream, Feature, beside
from models.targets import Classes, ClassNames, Target


class Targeted(Downstream):
    """A downstream whose rows have one target each."""

    classes: ClassNames | None = Field(
        default=None, description="Labels a row may have; left out, those of the training rows."
    )
    pooling: Literal["mean", "cls"] = Field(
        default="mean",
        description="What the head sees: the mean over all tokens, or the first (bert always the first).",
    )

    def goal(self) -> Target:
        """The target, once all that a recipe may leave open is settled."""
        assert self.classes is not None, "classes are open: call settle(train) first"
        return Classes(self.classes)

    def goal_type(self) -> type[Target]:
        """The kind of target."""
        return Classes

    @property
    def headline(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.goal_type().headline

    @property
    def balance(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Classes.column if self.goal_type() is Classes else None

    def settle(self, train: pl.DataFrame) -> Self:
        if self.classes is not None or self.goal_type() is not Classes:
            return self
        return self.model_copy(update={"classes": tuple(sorted(train[Classes.column].unique()))})

    def check(self, train: pl.DataFrame) -> None:
        self.goal().check(train[self.goal_type().column])

    # ---- model

    def head(self) -> dict[str, Any]:
        return {**self.goal().head(), "classifier_pooling": self.pooling}

    def labelled(self, features: list[Feature], rows: pl.DataFrame) -> list[Feature]:
        """The features of rows, one a row, with what the model is trained to give."""
        for feature, label in zip(features, self.goal().labels(rows[self.goal_type().column]), strict=True):
            feature["label"] = label
        return features

    def oracle(self, feature: Feature) -> np.ndarray:
        return self.goal().oracle(feature["label"])

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Feature], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `prediction` (class or score) and, for classes, `probabilities` (list, in their order)."""
        return rows.select("id").hstack(self.goal().decode(np.array(outputs)))

    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        return self.goal().answer(prediction)

    # ---- score

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        return self.goal().statistics(beside(predictions, rows)[self.goal_type().column], predictions)

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        return self.goal().metrics(totals)

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        found = beside(predictions, rows)
        shown = [name for name in ("id", "file", "line", *self.texts) if name in found.columns]
        return self.goal().details(found.select(*shown, gold=self.goal_type().column), predictions)
