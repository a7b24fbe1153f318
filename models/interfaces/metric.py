"""Metrics of a recipe's own, beside those that a downstream has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from models.config import Config
from models.errors import DataError
from models.kinds import Chosen, chosen
from models.late import np, pl


class Metric(Chosen, ABC):
    """One metric. What it is made of is summed over rows, so that its interval can be found by drawing rows anew."""

    columns: ClassVar[int] = 1
    """Numbers that `statistics` gives for each row."""
    lower_is_better: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """What it is called in tables: the last word of its path."""
        return self.kind.rpartition(".")[2]

    @abstractmethod
    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """What counts of each prediction (predictions, columns).

        Args:
            rows: the gold row of each prediction, in their order.
            predictions: with the columns of the downstream's predictions.
        """

    @abstractmethod
    def value(self, totals: np.ndarray) -> float:
        """The metric, from the sum of the statistics of some rows (columns,)."""

    def counted(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """
        Raises:
            DataError: `statistics` does not give what it should.
        """
        found = np.asarray(self.statistics(rows, predictions), dtype=np.float64)
        found = found[:, None] if found.ndim == 1 else found
        wanted = (predictions.height, self.columns)
        if found.shape != wanted:
            raise DataError(
                f"{self.kind}: statistics gives an array of {found.shape}, and has to give {wanted}, a line a row and "
                "as many numbers as 'columns' says"
            )
        if not np.isfinite(found).all():
            raise DataError(f"{self.kind}: statistics gives what is no number")
        return found

    def values(self, totals: np.ndarray) -> np.ndarray:
        """The metric (…) of each of many sums (…, columns)."""
        return np.apply_along_axis(lambda each: float(self.value(each)), -1, totals)


if TYPE_CHECKING:
    MetricField = Metric
else:
    MetricField = chosen("", Metric)
    """A metric in a configuration: `my_package.cost`, or with settings `{kind: my_package.cost, …}`."""


class Measured(Config):
    """What a downstream is measured by, beside what it says itself."""

    headline: str | None = Field(default=None, description="The metric that choices go by.")
    metrics: tuple[MetricField, ...] = Field(default=(), description="Metrics beside the downstream's.")

    def to_choose_by(self) -> Measured:
        """Without the metrics that are not chosen by: a new one makes no model anew."""
        return Measured(
            headline=self.headline, metrics=tuple(item for item in self.metrics if item.name == self.headline)
        )
