"""Pairs: how two texts stand to each other, as one of a few classes or as a place on a scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field

from models.downstream import Baseline, Downstream, Feature, beside
from models.rows import not_blank
from models.targets import Classes, ClassNames, Scale

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedTokenizerBase

    from models.tfidf_pairs import PairModel


class Pair(Downstream):
    """Puts two texts into one of `classes`, or on a scale of scores."""

    kind: Literal["pair"] = "pair"
    model_class: ClassVar[str] = "AutoModelForSequenceClassification"
    texts: ClassVar[tuple[str, ...]] = ("text_a", "text_b")
    inputs: ClassVar[tuple[str, ...]] = texts

    target: Literal["label", "score"] = Field(
        default="label", description="What rows hold: a label, one of a few classes; or a score, a number."
    )
    classes: ClassNames | None = Field(
        default=None, description="Labels a row may have; left out, those of the training rows."
    )
    scale: tuple[float, float] | None = Field(
        default=None,
        description="Mean and spread of the scores, in whose terms models learn; left out, those of the training rows.",
    )
    pooling: Literal["mean", "cls"] = Field(
        default="mean",
        description="What the head sees: the mean over all tokens, or the first (bert always the first).",
    )

    @property
    def headline(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Classes.headline if self.target == "label" else Scale.headline

    @property
    def balance(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "label" if self.target == "label" else None

    # ---- rows

    def schema(self) -> DataFrameSchema:
        import pandera.polars as pa

        filled = not_blank()
        columns = {name: pa.Column(pl.String, filled) for name in ("id", *self.texts)}
        if self.target == "score":
            finite = pa.Check(
                lambda data: data.lazyframe.select(pl.col(data.key).is_finite()), error="not finite"
            )
            return pa.DataFrameSchema(columns | {"score": pa.Column(pl.Float64, finite)})
        labels = filled if self.classes is None else pa.Check.isin(self.classes)
        return pa.DataFrameSchema(columns | {"label": pa.Column(pl.String, labels)})

    def examples(self) -> pl.DataFrame:
        pairs = [
            ("개가 공원에서 뛴다", "개가 공원에서 달린다"),
            ("비가 많이 온다", "오늘은 하늘이 맑다"),
            ("아이가 책을 읽는다", "아이가 책을 본다"),
            ("기차가 늦게 왔다", "기차는 제때 도착했다"),
            ("두 사람이 밥을 먹는다", "두 사람이 식사를 한다"),
            ("문이 굳게 닫혀 있다", "누구나 들어갈 수 있다"),
            ("그는 노래를 부른다", "그가 노래를 한다"),
            ("가게는 오늘 쉰다", "지금 물건을 살 수 있다"),
        ]
        ids = [f"example-{number}" for number in range(len(pairs))]
        names = (self.classes or ("0", "1"))[:2]
        gold: list[Any] = (
            list(names[::-1]) * 4 if self.target == "label" else [5.0, 0.0, 4.3, 0.7, 3.6, 1.4, 2.9, 2.1]
        )
        frame = pl.DataFrame(pairs, schema=["text_a", "text_b"], orient="row")
        return frame.select(pl.Series("id", ids), "text_a", "text_b", pl.Series(self.target, gold))

    def corrupted(self) -> pl.DataFrame:
        row = self.examples().row(0, named=True)
        rows = [row | {name: None} for name in row] + [row | {"text_a": " "}, row | {"text_b": ""}]
        if self.target == "label":
            rows.append(row | {"label": "" if self.classes is None else "not-a-class"})
        else:
            rows += [row | {"score": float("nan")}, row | {"score": float("inf")}]
        return pl.DataFrame(rows, schema=self.examples().schema)

    def settle(self, train: pl.DataFrame) -> Self:
        if self.target == "score":
            found = Scale.of(train["score"])
            return self if self.scale else self.model_copy(update={"scale": (found.center, found.spread)})
        if self.classes is not None:
            return self
        return self.model_copy(update={"classes": tuple(sorted(train["label"].unique()))})

    def check(self, train: pl.DataFrame) -> None:
        self._target().check(train[self.target])

    # ---- model

    def head(self) -> dict[str, Any]:
        return {**self._target().head(), "classifier_pooling": self.pooling}

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        """Both texts in one input; of a pair that is too long, the longer text is cut first."""
        if rows.is_empty():
            return []
        first, second = (rows[name].to_list() for name in self.texts)
        made = tokenizer(first, second, truncation="longest_first", max_length=self.max_length)
        names = [name for name in ("input_ids", "token_type_ids") if name in made]
        features: list[Feature] = [
            {"row": row, **{name: made[name][row] for name in names}} for row in range(rows.height)
        ]
        if labelled:
            for feature, label in zip(features, self._target().labels(rows[self.target]), strict=True):
                feature["label"] = label
        return features

    def oracle(self, feature: Feature) -> np.ndarray:
        return self._target().oracle(feature["label"])

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Feature], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `prediction` (class or score) and, for classes, `probabilities` (list, in their order)."""
        return rows.select("id").hstack(self._target().decode(np.array(outputs)))

    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        return self._target().answer(prediction)

    # ---- score

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        return self._target().statistics(beside(predictions, rows)[self.target], predictions)

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        return self._target().metrics(totals)

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        found = beside(predictions, rows)
        shown = [name for name in ("id", "file", "line", *self.texts) if name in found.columns]
        return self._target().details(found.select(*shown, gold=self.target), predictions)

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models.tfidf_pairs import fit

        first, second = (train[name].to_list() for name in self.texts)
        tried = [
            PairBaseline(self, model, {"C": cost})
            for cost, model in fit(first, second, train[self.target], self._target())
        ]
        return max(tried, key=lambda item: self.evaluate(validation, item.predict(validation))[self.headline])

    def load_baseline(self, folder: Path) -> Baseline:
        from models.tfidf_pairs import PairModel

        return PairBaseline(self, PairModel.load(folder), {})

    def _target(self) -> Classes | Scale:
        if self.target == "label":
            assert self.classes is not None, "classes are open: call settle(train) first"
            return Classes(self.classes)
        assert self.scale is not None, "the scale is open: call settle(train) first"
        return Scale(*self.scale)


class PairBaseline:
    """A linear model of both texts' TF-IDF and their overlap, whose outputs are read like those of a model's head."""

    def __init__(self, downstream: Pair, model: PairModel, setting: dict[str, Any]) -> None:
        self.downstream, self.model, self.setting = downstream, model, setting

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        first, second = (rows[name].to_list() for name in self.downstream.texts)
        return self.downstream.decode(list(self.model.outputs(first, second)), [], rows)

    def save(self, folder: Path) -> None:
        self.model.save(folder)
