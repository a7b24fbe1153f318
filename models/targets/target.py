"""What a text, or a pair of texts, is put into: one of a few classes, or a place on a scale.

A target knows what a head has to give for it, how that becomes a prediction, and how predictions are scored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from models.interfaces.labels import Certainty, Rates
from models.late import np, pl

if TYPE_CHECKING:
    from torch import Tensor

WORST = 20
"""Errors shown, the worst first."""


class Target(ABC):
    """One kind of target."""

    column: ClassVar[str]
    """Column of the rows that holds gold."""
    headline: ClassVar[str]

    @classmethod
    @abstractmethod
    def schema(cls, classes: Sequence[str] | None, separator: str) -> Any:
        """What pandera asks of the column.

        Args:
            classes: what labels may be, where that is known.
            separator: between labels that are written as one text.
        """

    @classmethod
    @abstractmethod
    def examples(cls, names: Sequence[str]) -> list[Any]:
        """Gold of eight made-up rows, of which every other one is alike; `names` are two classes."""

    @classmethod
    @abstractmethod
    def corrupted(cls, classes: Sequence[str] | None) -> list[Any]:
        """Gold that `schema` must reject."""

    @abstractmethod
    def check(self, gold: pl.Series) -> None:
        """
        Raises:
            DataError: there is nothing to learn from gold like this.
        """

    @abstractmethod
    def head(self) -> dict[str, Any]:
        """Settings of the model's configuration."""

    @abstractmethod
    def labels(self, gold: pl.Series) -> Sequence[Any]:
        """What the model is trained to give."""

    @abstractmethod
    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Training loss (scalar) of outputs (rows, head's width)."""

    def weight(self, labels: Tensor) -> float:
        """What the mean in `loss` is over: rows, where they do not weigh differently."""
        return len(labels)

    @abstractmethod
    def oracle(self, label: Any) -> np.ndarray:
        """Outputs (head's width,) of a model that knows the label."""

    @abstractmethod
    def decode(self, outputs: np.ndarray) -> pl.DataFrame:
        """Column `prediction`, and others, from outputs (rows, head's width)."""

    def chosen(self, gold: pl.Series, predictions: pl.DataFrame, calibrate: bool) -> dict[str, float]:
        """How outputs are to be read, by what was predicted of validation rows: a temperature, a threshold."""
        return {}

    def certainty(self, gold: pl.Series, predictions: pl.DataFrame) -> Certainty | None:
        """How sure predictions are; None where they do not say."""
        return None

    @abstractmethod
    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        """A row of predictions as the answer to a request."""

    @abstractmethod
    def statistics(self, gold: pl.Series, predictions: pl.DataFrame) -> np.ndarray:
        """Sufficient statistics (predictions, k)."""

    @abstractmethod
    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """Each metric (…) from summed statistics (…, k)."""

    def by_label(self, totals: np.ndarray) -> dict[str, Rates]:
        """How well each of a few labels is found (…), from summed statistics (…, k)."""
        return {}

    @abstractmethod
    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`, and what else a reader wants to see; `rows` hold `gold` in the order of `predictions`."""
