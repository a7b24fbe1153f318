"""One of a few classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from models.data.checks import LABEL, not_blank
from models.data.comparison import ClassName
from models.errors import DataError
from models.interfaces.labels import Certainty, Rates, rates
from models.late import np, pl
from models.targets import calibration
from models.targets.target import WORST, Target

if TYPE_CHECKING:
    from torch import Tensor

UNSEEN = -100
"""Class number of a label that no training row has: cross-entropy leaves it out, every prediction of it is wrong."""


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise ValueError("names a class twice")
    return value


ClassNames = Annotated[tuple[ClassName, ...], Field(min_length=2), AfterValidator(_distinct)]
"""Two or more classes, as a recipe names them."""


@dataclass(frozen=True)
class Classes(Target):
    """One of a few classes."""

    names: tuple[str, ...]
    weights: tuple[float, ...] = ()
    """What a row of each class counts in the training loss; empty: all the same."""
    temperature: float = 1.0
    column: ClassVar[str] = "label"
    headline: ClassVar[str] = "accuracy"

    @classmethod
    def schema(cls, classes: Sequence[str] | None, separator: str) -> Any:
        import pandera.polars as pa

        known = not_blank() if classes is None else pa.Check.isin(classes)
        return pa.Column(pl.String, known, metadata={LABEL: ""})

    @classmethod
    def examples(cls, names: Sequence[str]) -> list[Any]:
        return list(names[::-1]) * 4

    @classmethod
    def corrupted(cls, classes: Sequence[str] | None) -> list[Any]:
        return [None, "" if classes is None else "not-a-class"]

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

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy."""
        from torch.nn.functional import cross_entropy

        weights = outputs.float().new_tensor(list(self.weights)) if self.weights else None
        return cross_entropy(outputs.float(), labels, weights, ignore_index=UNSEEN)

    def weight(self, labels: Tensor) -> float:
        known = labels[labels != UNSEEN]
        return sum(self.weights[number] for number in known.tolist()) if self.weights else len(known)

    def oracle(self, label: Any) -> np.ndarray:
        return 10.0 * np.eye(len(self.names))[int(label)]

    def decode(self, outputs: np.ndarray) -> pl.DataFrame:
        """Also `probabilities` (list, in the order of the classes); outputs are logits."""
        logits = outputs.reshape(-1, len(self.names))
        probabilities = np.exp(calibration.log_softmax(logits / self.temperature))
        best = [self.names[number] for number in logits.argmax(axis=1)]
        return pl.DataFrame(
            {"prediction": best, "probabilities": probabilities.tolist()},
            schema={"prediction": pl.String, "probabilities": pl.List(pl.Float64)},
        )

    def chosen(self, gold: pl.Series, predictions: pl.DataFrame, calibrate: bool) -> dict[str, float]:
        """A temperature."""
        numbers = self.numbers(gold)
        known = np.flatnonzero(numbers < len(self.names))
        if not calibrate or not len(known):
            return {}
        logits = calibration.logits_of(_matrix(predictions))[known]
        return {
            "temperature": calibration.temperature(
                lambda by: -calibration.log_softmax(logits / by)[np.arange(len(known)), numbers[known]].sum()
            )
        }

    def certainty(self, gold: pl.Series, predictions: pl.DataFrame) -> Certainty:
        """Of the class that is said."""
        after = _matrix(predictions)
        before = np.exp(calibration.log_softmax(calibration.logits_of(after) * self.temperature))
        right = (gold == predictions["prediction"]).to_numpy()
        return Certainty(before.max(axis=1)[:, None], after.max(axis=1)[:, None], right[:, None])

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
        return {
            "accuracy": right.sum(axis=-1) / gold.sum(axis=-1),
            "macro_f1": rates(right, predicted, gold)["f1"].sum(axis=-1) / (occurs > 0).sum(axis=-1),
        }

    def by_label(self, totals: np.ndarray) -> dict[str, Rates]:
        counts = np.split(totals, 4, axis=-1)[:3]
        return {
            name: rates(*(each[..., number] for each in counts)) for number, name in enumerate(self.names)
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


def _matrix(predictions: pl.DataFrame) -> np.ndarray:
    """Their probabilities (rows, classes)."""
    return np.array(predictions["probabilities"].to_list())


def balanced(labels: pl.Series) -> dict[str, float]:
    """What a row of each class counts so that all classes count alike: rows / (classes x rows of the class).

    It is the `class_weight="balanced"` of scikit-learn, after G. King and L. Zeng, Logistic Regression in Rare Events
    Data (Political Analysis 9, 2001).
    """
    counts = labels.value_counts().sort(labels.name).iter_rows()
    return {name: len(labels) / (labels.n_unique() * count) for name, count in counts}


def counted(labels: pl.Series) -> str:
    """Labels with their numbers of rows, the commonest first: `'a' (9), 'b' (1)`."""
    counts = labels.value_counts().sort("count", labels.name, descending=[True, False])
    named = [f"'{label}' ({count:,})" for label, count in counts.head(WORST).iter_rows()]
    return ", ".join(named) + (f" and {counts.height - WORST:,} more" if counts.height > WORST else "")
