"""What a text, or a pair of texts, is put into: one of a few classes, or a place on a scale.

A target knows what a head has to give for it, how that becomes a prediction, and how predictions are scored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import polars as pl
from pydantic import AfterValidator, Field

from models.data.comparison import ClassName
from models.errors import DataError

UNSEEN = -100
"""Class number of a label that no training row has: cross-entropy leaves it out, every prediction of it is wrong."""
WORST = 20
"""Errors shown, the worst first."""


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError("names a class twice")
    return value


ClassNames = Annotated[tuple[ClassName, ...], Field(min_length=2), AfterValidator(_distinct)]
"""Two or more classes, as a recipe names them."""


class Target(ABC):
    """One kind of target."""

    column: ClassVar[str]
    """Column of the rows that holds gold."""
    headline: ClassVar[str]

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
    def labels(self, gold: pl.Series) -> list[int] | list[float]:
        """What the model is trained to give."""

    @abstractmethod
    def oracle(self, label: float) -> np.ndarray:
        """Outputs (head's width,) of a model that knows the label."""

    @abstractmethod
    def decode(self, outputs: np.ndarray) -> pl.DataFrame:
        """Column `prediction`, and others, from outputs (rows, head's width)."""

    @abstractmethod
    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        """A row of predictions as the answer to a request."""

    @abstractmethod
    def statistics(self, gold: pl.Series, predictions: pl.DataFrame) -> np.ndarray:
        """Sufficient statistics (predictions, k)."""

    @abstractmethod
    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """Each metric (…) from summed statistics (…, k)."""

    @abstractmethod
    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`, and what else a reader wants to see; `rows` hold `gold` in the order of `predictions`."""


@dataclass(frozen=True)
class Classes(Target):
    """One of a few classes."""

    names: tuple[str, ...]
    column: ClassVar[str] = "label"
    headline: ClassVar[str] = "accuracy"

    def check(self, gold: pl.Series) -> None:
        if gold.n_unique() < 2:
            what = (
                f"all {len(gold):,} training rows have label '{gold[0]}'" if len(gold) else "no training rows"
            )
            raise DataError(f"{what}: at least two classes are needed; check the labels of the source")

    def head(self) -> dict[str, Any]:
        return {
            "num_labels": len(self.names),
            "id2label": dict(enumerate(self.names)),
            "label2id": {name: number for number, name in enumerate(self.names)},
            "problem_type": "single_label_classification",
        }

    def labels(self, gold: pl.Series) -> list[int]:
        return [number if number < len(self.names) else UNSEEN for number in self.numbers(gold).tolist()]

    def oracle(self, label: float) -> np.ndarray:
        return 10.0 * np.eye(len(self.names))[int(label)]

    def decode(self, outputs: np.ndarray) -> pl.DataFrame:
        """Also `probabilities` (list, in the order of the classes); outputs are logits."""
        logits = outputs.reshape(-1, len(self.names))
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = exponents / exponents.sum(axis=1, keepdims=True)
        best = [self.names[number] for number in probabilities.argmax(axis=1)]
        return pl.DataFrame(
            {"prediction": best, "probabilities": probabilities.tolist()},
            schema={"prediction": pl.String, "probabilities": pl.List(pl.Float64)},
        )

    def statistics(self, gold: pl.Series, predictions: pl.DataFrame) -> np.ndarray:
        """For each class, and last for any other label: right, predicted, gold, and whether it occurs among all rows
        (predictions, 4 * (classes + 1)).

        The last says the same in each row, so that a resample that misses a class still knows of it.
        """
        known, predicted = self.numbers(gold), self.numbers(predictions["prediction"])
        right = (gold == predictions["prediction"]).to_numpy()  # two labels without a number may differ
        one_hot = np.eye(len(self.names) + 1)
        occurs = one_hot[np.concatenate([known, predicted])].any(axis=0)
        return np.hstack(
            [
                one_hot[known] * right[:, None],
                one_hot[predicted],
                one_hot[known],
                np.tile(occurs.astype(float), (len(known), 1)),
            ]
        )

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """Accuracy, and the mean of F1 = 2 right / (predicted + gold) over the classes that occur among all rows.

        In a resample that has none of a class, its F1 is 0, as scikit-learn's `f1_score` has it with these `labels`.
        """
        right, predicted, gold, occurs = np.split(totals, 4, axis=-1)
        seen = predicted + gold
        f1 = np.divide(2 * right, seen, out=np.zeros_like(seen), where=seen > 0)
        return {
            "accuracy": right.sum(axis=-1) / gold.sum(axis=-1),
            "macro_f1": f1.sum(axis=-1) / (occurs > 0).sum(axis=-1),
        }

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`confusion` {classes, counts[gold][predicted]} and `worst`: the wrong predictions with most confidence."""
        # Labels that no training row has stand after the classes: each of their rows is wrong, and seen to be.
        shown = Classes((*self.names, *sorted(set(rows["gold"]) - set(self.names))))
        counts = np.zeros((len(shown.names),) * 2, dtype=int)
        np.add.at(counts, (shown.numbers(rows["gold"]), shown.numbers(predictions["prediction"])), 1)
        confidence = predictions["probabilities"].list.max()
        wrong = (
            rows.with_columns(prediction=predictions["prediction"], confidence=confidence)
            .filter(pl.col("gold") != pl.col("prediction"))
            .sort("confidence", "id", descending=[True, False])
        )
        return {
            "confusion": {"classes": list(shown.names), "counts": counts.tolist()},
            "worst": wrong.head(WORST).to_dicts(),
        }

    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        """`label`, and the probability of each class by its name."""
        chances = dict(zip(self.names, prediction["probabilities"], strict=True))
        return {"label": prediction["prediction"], "probabilities": chances}

    def numbers(self, labels: Sequence[str] | pl.Series) -> np.ndarray:
        """Class numbers; any other label gets the number after the last."""
        number = {name: number for number, name in enumerate(self.names)}
        return np.array([number.get(label, len(number)) for label in labels], dtype=np.int64)


@dataclass(frozen=True)
class Scale(Target):
    """A place on a scale; models learn it in units of `spread` from `center`."""

    center: float
    spread: float
    column: ClassVar[str] = "score"
    headline: ClassVar[str] = "spearman"

    @classmethod
    def of(cls, gold: pl.Series) -> Scale:
        """The scale that training rows are on."""
        values = gold.to_numpy()
        return cls(float(values.mean()), float(values.std()) or 1.0)

    @classmethod
    def between(cls, gold: pl.Series) -> Scale:
        """The scale on which training rows lie between 0 and 1."""
        low, high = float(gold.to_numpy().min()), float(gold.to_numpy().max())
        return cls(low, high - low or 1.0)

    def check(self, gold: pl.Series) -> None:
        if gold.n_unique() < 2:
            what = (
                f"all {len(gold):,} training rows have score {gold[0]}" if len(gold) else "no training rows"
            )
            raise DataError(f"{what}: there is nothing to tell apart; check the scores of the source")

    def head(self) -> dict[str, Any]:
        return {"num_labels": 1, "problem_type": "regression"}

    def labels(self, gold: pl.Series) -> list[float]:
        return ((gold.to_numpy() - self.center) / self.spread).tolist()

    def oracle(self, label: float) -> np.ndarray:
        return np.array([label])

    def decode(self, outputs: np.ndarray) -> pl.DataFrame:
        return pl.DataFrame({"prediction": outputs.reshape(-1) * self.spread + self.center})

    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        return {"score": prediction["prediction"]}

    def statistics(self, gold: pl.Series, predictions: pl.DataFrame) -> np.ndarray:
        """1, and x, y, x², y², xy of the values and of their ranks among all rows (predictions, 11).

        A resample of the rows keeps the ranks they have among all: for Spearman's interval that is an approximation.
        """
        from scipy.stats import rankdata

        columns = [np.ones(len(gold))]
        values = gold.to_numpy(), predictions["prediction"].to_numpy()
        for x, y in (values, [rankdata(item) for item in values]):
            x, y = x - x.mean(), y - y.mean()  # no correlation changes, and sums of squares stay exact
            columns += [x, y, x * x, y * y, x * y]
        return np.stack(columns, axis=1)

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """Pearson's and Spearman's correlation; 0 where one side does not vary."""
        count = totals[..., 0]
        return {
            "pearson": _correlation(count, totals[..., 1:6]),
            "spearman": _correlation(count, totals[..., 6:11]),
        }

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`: the rows farthest off."""
        off = rows.with_columns(prediction=predictions["prediction"])
        off = off.with_columns(error=(pl.col("prediction") - pl.col("gold")).abs())
        return {"worst": off.sort("error", "id", descending=[True, False]).head(WORST).to_dicts()}


def counted(labels: pl.Series) -> str:
    """Labels with their numbers of rows, the commonest first: `'a' (9), 'b' (1)`."""
    counts = labels.value_counts().sort("count", labels.name, descending=[True, False])
    named = [f"'{label}' ({count:,})" for label, count in counts.head(WORST).iter_rows()]
    return ", ".join(named) + (f" and {counts.height - WORST:,} more" if counts.height > WORST else "")


def _correlation(count: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Pearson's r (…) from the number of pairs and the sums of x, y, x², y², xy (…, 5)."""
    x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    variances = np.clip(count * xx - x * x, 0, None) * np.clip(count * yy - y * y, 0, None)
    return np.divide(
        count * xy - x * y, np.sqrt(variances), out=np.zeros_like(variances), where=variances > 0
    )
