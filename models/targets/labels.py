"""Any number of a few labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from models.data.checks import LABELS
from models.errors import DataError
from models.interfaces.labels import Certainty, Rates, rates, share
from models.late import np, pl
from models.targets import calibration
from models.targets.target import WORST, Target

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Labels(Target):
    """Any number of a few labels: each is said, or not, by itself."""

    names: tuple[str, ...]
    temperature: float = 1.0
    threshold: float = 0.5
    column: ClassVar[str] = "labels"
    headline: ClassVar[str] = "micro_f1"

    @classmethod
    def schema(cls, classes: Sequence[str] | None, separator: str) -> Any:
        import pandera.polars as pa

        def known(data: Any) -> Any:
            one = pl.element().str.contains(r"\S") if classes is None else pl.element().is_in(list(classes))
            return data.lazyframe.select(pl.col(data.key).list.eval(one.fill_null(False)).list.all())

        error = "an empty label" if classes is None else f"a label that is not one of {', '.join(classes)}"
        return pa.Column(pl.List(pl.String), pa.Check(known, error=error), metadata={LABELS: separator})

    @classmethod
    def examples(cls, names: Sequence[str]) -> list[Any]:
        one, other = names
        return [[other], [one]] * 3 + [[one, other], [one]]

    @classmethod
    def corrupted(cls, classes: Sequence[str] | None) -> list[Any]:
        return [None, [None], [""] if classes is None else ["not-a-class"]]

    def check(self, gold: pl.Series) -> None:
        labels = gold.explode().drop_nulls()
        if labels.is_empty():
            what = f"none of the {len(gold):,} training rows has a label" if len(gold) else "no training rows"
            raise DataError(f"{what}: there is nothing to learn; check the labels of the source")

    def head(self) -> dict[str, Any]:
        return {
            "num_labels": len(self.names),
            "id2label": dict(enumerate(self.names)),
            "label2id": {name: number for number, name in enumerate(self.names)},
            "problem_type": "multi_label_classification",
        }

    def labels(self, gold: pl.Series) -> list[list[float]]:
        return self.numbers(gold)[:, :-1].tolist()

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of yes and no, over all labels."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(outputs.float(), labels.float())

    def oracle(self, label: Any) -> np.ndarray:
        return 10.0 * (2 * np.array(label) - 1)

    def decode(self, outputs: np.ndarray) -> pl.DataFrame:
        """Also `probabilities` (list, in the order of the labels); outputs are logits."""
        probabilities = calibration.sigmoid(outputs.reshape(-1, len(self.names)) / self.temperature)
        said = [[self.names[at] for at in np.flatnonzero(row)] for row in probabilities >= self.threshold]
        return pl.DataFrame(
            {"prediction": said, "probabilities": probabilities.tolist()},
            schema={"prediction": pl.List(pl.String), "probabilities": pl.List(pl.Float64)},
        )

    def chosen(self, gold: pl.Series, predictions: pl.DataFrame, calibrate: bool) -> dict[str, float]:
        """A temperature, and the threshold at which micro F1 is highest; of equals the one nearest to a half."""
        truth = self.numbers(gold)[:, :-1]
        logits = calibration.log_odds(_matrix(predictions, len(self.names)))
        found = {}
        if calibrate:
            signed = np.where(truth, logits, -logits)
            found["temperature"] = calibration.temperature(
                lambda by: -calibration.logits_of(calibration.sigmoid(signed / by)).sum()
            )
        probabilities = calibration.sigmoid(logits / found.get("temperature", 1.0))

        def f1(threshold: float) -> float:
            said = probabilities >= threshold
            return float(share(2.0 * (said & (truth > 0)).sum(), np.array(said.sum() + truth.sum())))

        return found | {
            "threshold": float(
                max(np.arange(1, 20) / 20, key=lambda item: (f1(item), -abs(item - 0.5), item))
            )
        }

    def certainty(self, gold: pl.Series, predictions: pl.DataFrame) -> Certainty:
        """That each label is there."""
        after = _matrix(predictions, len(self.names))
        before = calibration.sigmoid(calibration.log_odds(after) * self.temperature)
        return Certainty(before, after, self.numbers(gold)[:, :-1])

    def statistics(self, gold: pl.Series, predictions: pl.DataFrame) -> np.ndarray:
        """For each label, and last for any other: right, predicted, gold, and whether it occurs among all rows; then
        whether all labels of a row are right, and 1 (predictions, 4 * (labels + 1) + 2)."""
        known, said = self.numbers(gold), self.numbers(predictions["prediction"])
        right = known * said
        right[:, -1] = 0  # two labels without a number may differ
        occurs = (known + said).any(axis=0).astype(float)
        pairs = zip(gold, predictions["prediction"], strict=True)
        exact = np.array([set(a) == set(b) for a, b in pairs], dtype=float)
        return np.hstack(
            [
                right,
                said,
                known,
                np.tile(occurs, (len(known), 1)),
                exact[:, None],
                np.ones((len(known), 1)),
            ]
        )

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """F1 of all labels together, its mean over the labels that occur among all rows, and the share of rows whose
        labels are all right, and no other is said: as scikit-learn's `f1_score` and `accuracy_score` have them."""
        right, predicted, gold, occurs = np.split(totals[..., :-2], 4, axis=-1)
        of_each = rates(right, predicted, gold)["f1"]
        return {
            "micro_f1": share(2 * right.sum(axis=-1), predicted.sum(axis=-1) + gold.sum(axis=-1)),
            "macro_f1": share(of_each.sum(axis=-1), (occurs > 0).sum(axis=-1).astype(float)),
            "subset_accuracy": totals[..., -2] / totals[..., -1],
        }

    def by_label(self, totals: np.ndarray) -> dict[str, Rates]:
        counts = np.split(totals[..., :-2], 4, axis=-1)[:3]
        return {
            name: rates(*(each[..., number] for each in counts)) for number, name in enumerate(self.names)
        }

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`: the rows with most labels wrong or missing."""
        pairs = zip(rows["gold"], predictions["prediction"], strict=True)
        wrong = pl.Series([len(set(a) ^ set(b)) for a, b in pairs], dtype=pl.Int64)
        off = rows.with_columns(
            pl.col("gold").list.join(", "),
            prediction=predictions["prediction"].list.join(", "),
            wrong=wrong,
        )
        off = off.filter(pl.col("wrong") > 0).sort("wrong", "id", descending=[True, False])
        return {"worst": off.head(WORST).to_dicts()}

    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        """`labels`, and the probability of each by its name."""
        chances = dict(zip(self.names, prediction["probabilities"], strict=True))
        return {"labels": prediction["prediction"], "probabilities": chances}

    def numbers(self, labels: pl.Series) -> np.ndarray:
        """(rows, labels + 1): 1 where a row has a label; the last column is for any other."""
        number = {name: at for at, name in enumerate(self.names)}
        made = np.zeros((len(labels), len(number) + 1))
        for row, own in enumerate(labels):
            made[row, [number.get(label, len(number)) for label in own]] = 1
        return made


def _matrix(predictions: pl.DataFrame, labels: int) -> np.ndarray:
    """Their probabilities (rows, labels)."""
    return np.array(predictions["probabilities"].to_list()).reshape(-1, labels)
