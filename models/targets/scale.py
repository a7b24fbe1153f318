"""A place on a scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from models.errors import DataError
from models.late import np, pl
from models.targets.target import WORST, Target

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Scale(Target):
    """A place on a scale; models learn it in units of `spread` from `center`."""

    center: float
    spread: float
    column: ClassVar[str] = "score"
    headline: ClassVar[str] = "spearman"

    @classmethod
    def schema(cls, classes: Sequence[str] | None, separator: str) -> Any:
        import pandera.polars as pa

        finite = pa.Check(
            lambda data: data.lazyframe.select(pl.col(data.key).is_finite()), error="not finite"
        )
        return pa.Column(pl.Float64, finite)

    @classmethod
    def examples(cls, names: Sequence[str]) -> list[Any]:
        return [5.0, 0.0, 4.3, 0.7, 3.6, 1.4, 2.9, 2.1]

    @classmethod
    def corrupted(cls, classes: Sequence[str] | None) -> list[Any]:
        return [None, float("nan"), float("inf")]

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

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Squared error."""
        from torch.nn.functional import mse_loss

        return mse_loss(outputs.reshape(-1).float(), labels.float())

    def oracle(self, label: Any) -> np.ndarray:
        return np.array([label])

    def decode(self, outputs: np.ndarray) -> pl.DataFrame:
        return pl.DataFrame({"prediction": outputs.reshape(-1) * self.spread + self.center})

    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        return {"score": prediction["prediction"]}

    def statistics(self, gold: pl.Series, predictions: pl.DataFrame) -> np.ndarray:
        """1; x, y, x², y², xy of the values and of their ranks among all rows; size and square of the error
        (predictions, 13).

        A resample of the rows keeps the ranks they have among all: for Spearman's interval that is an approximation.
        """
        from scipy.stats import rankdata

        columns = [np.ones(len(gold))]
        values = gold.to_numpy(), predictions["prediction"].to_numpy()
        for x, y in (values, [rankdata(item) for item in values]):
            x, y = x - x.mean(), y - y.mean()  # no correlation changes, and sums of squares stay exact
            columns += [x, y, x * x, y * y, x * y]
        error = np.abs(values[1] - values[0])
        columns += [error, error * error]
        return np.stack(columns, axis=1)

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """Pearson's and Spearman's correlation, 0 where one side does not vary; the mean size of the error and the root
        of its mean square, in the units of the scores."""
        count = totals[..., 0]
        return {
            "pearson": _correlation(count, totals[..., 1:6]),
            "spearman": _correlation(count, totals[..., 6:11]),
            "mae": totals[..., 11] / count,
            "rmse": np.sqrt(totals[..., 12] / count),
        }

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`: the rows farthest off."""
        off = rows.with_columns(prediction=predictions["prediction"])
        off = off.with_columns(error=(pl.col("prediction") - pl.col("gold")).abs())
        return {"worst": off.sort("error", "id", descending=[True, False]).head(WORST).to_dicts()}


def _correlation(count: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Pearson's r (…) from the number of pairs and the sums of x, y, x², y², xy (…, 5)."""
    x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    variances = np.clip(count * xx - x * x, 0, None) * np.clip(count * yy - y * y, 0, None)
    return np.divide(
        count * xy - x * y, np.sqrt(variances), out=np.zeros_like(variances), where=variances > 0
    )
