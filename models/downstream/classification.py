"""Classification: a text belongs to one of a few classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field

from models.downstream import Baseline, Downstream, Feature, beside
from models.rows import not_blank
from models.targets import Classes, ClassNames

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedTokenizerBase

    from models.tfidf import TfidfClassifier


class Classification(Downstream):
    """Puts each text into one of `classes`."""

    kind: Literal["classification"] = "classification"
    headline: ClassVar[str] = "accuracy"
    balance: ClassVar[str | None] = "label"
    model_class: ClassVar[str] = "AutoModelForSequenceClassification"

    classes: ClassNames | None = Field(
        default=None, description="Labels a row may have; left out, those of the training rows."
    )
    pooling: Literal["mean", "cls"] = Field(
        default="mean",
        description="What the head sees: the mean over all tokens, or the first (bert always the first).",
    )

    # ---- rows

    def schema(self) -> DataFrameSchema:
        import pandera.polars as pa

        filled = not_blank()
        labels = filled if self.classes is None else pa.Check.isin(self.classes)
        return pa.DataFrameSchema(
            {
                "id": pa.Column(pl.String, filled),
                "text": pa.Column(pl.String, filled),
                "label": pa.Column(pl.String, labels),
            }
        )

    def examples(self) -> pl.DataFrame:
        good = [
            "정말 재미있는 영화였다",
            "배우들의 연기가 훌륭하다",
            "다시 보고 싶은 작품",
            "음악까지 완벽했다",
        ]
        bad = [
            "시간이 아까운 영화였다",
            "이야기가 지루하고 길다",
            "두 번은 못 볼 작품",
            "결말이 실망스러웠다",
        ]
        texts = [text for both in zip(good, bad, strict=True) for text in both]
        ids = [f"example-{number}" for number in range(len(texts))]
        names = (self.classes or ("0", "1"))[:2]
        return pl.DataFrame({"id": ids, "text": texts, "label": list(names[::-1]) * len(good)})

    def corrupted(self) -> pl.DataFrame:
        row = self.examples().row(0, named=True)
        wrong = {"id": None, "text": " \t", "label": "" if self.classes is None else "not-a-class"}
        rows = [row | {name: value} for name, value in wrong.items()] + [
            row | {"text": None},
            row | {"label": None},
        ]
        return pl.DataFrame(rows, schema=self.examples().schema)

    def settle(self, train: pl.DataFrame) -> Self:
        if self.classes is not None:
            return self
        return self.model_copy(update={"classes": tuple(sorted(train["label"].unique()))})

    def check(self, train: pl.DataFrame) -> None:
        self._target().check(train["label"])

    # ---- model

    def head(self) -> dict[str, Any]:
        return {**self._target().head(), "classifier_pooling": self.pooling}

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        texts = rows["text"].to_list()
        ids = tokenizer(texts, truncation=True, max_length=self.max_length)["input_ids"] if texts else []
        features: list[Feature] = [{"row": row, "input_ids": item} for row, item in enumerate(ids)]
        if labelled:
            for feature, label in zip(features, self._target().labels(rows["label"]), strict=True):
                feature["label"] = label
        return features

    def oracle(self, feature: Feature) -> np.ndarray:
        return self._target().oracle(feature["label"])

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Feature], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `prediction`, `probabilities` (list, in the order of `classes`); outputs are logits."""
        return rows.select("id").hstack(self._target().decode(np.array(outputs)))

    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        return self._target().answer(prediction)

    # ---- score

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        return self._target().statistics(beside(predictions, rows)["label"], predictions)

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        return self._target().metrics(totals)

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        found = beside(predictions, rows)
        shown = [name for name in ("id", "file", "line", "text") if name in found.columns]
        return self._target().details(found.select(*shown, gold="label"), predictions)

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models.tfidf import TfidfClassifier

        target = self._target()
        fitted = TfidfClassifier.fit(
            train["text"].to_list(), target.numbers(train["label"]), len(target.names)
        )
        tried = [TfidfBaseline(self, model, {"C": cost}) for cost, model in fitted]
        return max(tried, key=lambda item: self.evaluate(validation, item.predict(validation))[self.headline])

    def load_baseline(self, folder: Path) -> Baseline:
        from models.tfidf import TfidfClassifier

        return TfidfBaseline(self, TfidfClassifier.load(folder), {})

    def _target(self) -> Classes:
        assert self.classes is not None, "classes are open: call settle(train) first"
        return Classes(self.classes)


class TfidfBaseline:
    """TF-IDF with logistic regression whose scores are read like those of a model's head."""

    def __init__(self, downstream: Classification, model: TfidfClassifier, setting: dict[str, Any]) -> None:
        self.downstream, self.model, self.setting = downstream, model, setting

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        return self.downstream.decode(list(self.model.scores(rows["text"].to_list())), [], rows)

    def save(self, folder: Path) -> None:
        self.model.save(folder)
