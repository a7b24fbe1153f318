"""How predictions of an NLP task are scored: by the metrics of its own, and by those that a recipe brings along."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from models.interfaces.features import beside
from models.interfaces.labels import Certainty, Rates
from models.interfaces.metric import Measured
from models.kinds import Chosen
from models.late import np, pl


class Scored(Chosen, ABC):
    """What has metrics, one of which choices go by."""

    own_headline: ClassVar[str]
    """Metric by which settings and checkpoints are chosen, and which reports show first."""
    own_lower_is_better: ClassVar[frozenset[str]] = frozenset()
    """Metrics, perplexity say, of which less is better."""

    measured: SkipJsonSchema[Measured] = Field(
        default=Measured(),
        exclude_if=lambda measured: measured == Measured(),
        description="What the entry says of metrics; it is said there.",
    )

    @property
    def headline(self) -> str:
        """The metric that settings, checkpoints and champions are chosen by, and that reports show first."""
        return self.measured.headline or self.own_headline

    @property
    def lower_is_better(self) -> frozenset[str]:
        """Metrics of which less is better."""
        return self.own_lower_is_better | {
            metric.name for metric in self.measured.metrics if metric.lower_is_better
        }

    @abstractmethod
    def own_statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Sufficient statistics of each prediction (predictions, k), float64: their sum goes into `own_metrics`."""

    @abstractmethod
    def own_metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """Each metric (…) from summed statistics (…, k)."""

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Its own statistics, and after them those of the recipe's metrics (predictions, k)."""
        own, gold = self.own_statistics(rows, predictions), beside(predictions, rows)
        return np.hstack([own, *(metric.counted(gold, predictions) for metric in self.measured.metrics)])

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """Each metric (…), those of the recipe too, from summed statistics (…, k)."""
        own, others = self._parted(totals)
        return self.own_metrics(own) | {
            metric.name: metric.values(part)
            for metric, part in zip(self.measured.metrics, others, strict=True)
        }

    def _parted(self, totals: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """The columns of its own statistics, and those of each of the recipe's metrics."""
        widths = [metric.columns for metric in self.measured.metrics]
        ends = totals.shape[-1] - np.cumsum([0, *widths[::-1]])[::-1]
        own, *others = np.split(totals, ends[:-1], axis=-1) if widths else [totals]
        return own, others

    def by_label(self, totals: np.ndarray) -> dict[str, Rates]:
        """How well each label, a class say, is found (…), from summed statistics (…, k); none where there are not a
        few of them."""
        return {}

    def rates(self, totals: np.ndarray) -> dict[str, Rates]:
        """`by_label` from sums of all statistics, those of the recipe's metrics too."""
        return self.by_label(self._parted(totals)[0])

    def certainty(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> Certainty | None:
        """How sure predictions are; None where they do not say in numbers that could be held against them."""
        return None

    def evaluate(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, float]:
        """Each metric of `predictions` over all of `rows`."""
        totals = self.statistics(rows, predictions).sum(axis=0)
        return {name: float(value) for name, value in self.metrics(totals).items()}

    def worth(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> float:
        """The headline metric, so that more is better."""
        value = self.evaluate(rows, predictions)[self.headline]
        return -value if self.headline in self.lower_is_better else value

    @abstractmethod
    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """What a reader wants to see beside the metrics, JSON-able: the worst errors with id, file and line."""
