"""Classification: a text belongs to one of a few classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from models.downstream import Baseline, Downstream, Feature
from models.errors import DataError
from models.rows import not_blank

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedTokenizerBase

    from models.tfidf import TfidfClassifier

UNSEEN = -100
"""Class number of a label that no training row has: cross-entropy leaves it out, every prediction of it is wrong."""
WORST = 20
"""Wrong predictions shown, the most confident first."""


class Classification(Downstream):
    """Puts each text into one of `classes`."""

    kind: Literal["classification"] = "classification"
    headline: ClassVar[str] = "accuracy"
    balance: ClassVar[str | None] = "label"
    model_class: ClassVar[str] = "AutoModelForSequenceClassification"

    classes: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="Labels a row may have; left out, those of the training rows."
    )
    pooling: Literal["mean", "cls"] = Field(
        default="mean",
        description="What the head sees: the mean over all tokens, or the first (bert always the first).",
    )

    @field_validator("classes", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """YAML reads an unquoted 0 as a number, while labels are text."""
        return [str(item) for item in value] if isinstance(value, list | tuple) else value

    @field_validator("classes")
    @classmethod
    def _distinct(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError("names a class twice")
        return value

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
        found = train["label"].unique().to_list()
        if len(found) < 2:
            what = (
                f"all {train.height:,} training rows have label '{found[0]}'" if found else "no training rows"
            )
            raise DataError(
                f"{what}: classification needs at least two classes; check the labels of the source"
            )

    # ---- model

    def head(self) -> dict[str, Any]:
        names = list(self._classes())
        return {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: number for number, name in enumerate(names)},
            "problem_type": "single_label_classification",
            "classifier_pooling": self.pooling,
        }

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        texts = rows["text"].to_list()
        ids = tokenizer(texts, truncation=True, max_length=self.max_length)["input_ids"] if texts else []
        features = [{"row": row, "input_ids": item} for row, item in enumerate(ids)]
        names = self._classes()
        if labelled:
            for feature, label in zip(features, rows["label"], strict=True):
                feature["label"] = names.index(label) if label in names else UNSEEN
        return features

    def oracle(self, feature: Feature) -> np.ndarray:
        return 10.0 * np.eye(len(self._classes()))[feature["label"]]

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Feature], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `prediction`, `probabilities` (list, in the order of `classes`); outputs are logits."""
        names = self._classes()
        logits = np.stack(outputs) if outputs else np.zeros((0, len(names)))
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = exponents / exponents.sum(axis=1, keepdims=True)
        return pl.DataFrame(
            {
                "id": rows["id"],
                "prediction": [names[best] for best in probabilities.argmax(axis=1)],
                "probabilities": probabilities.tolist(),
            },
            schema={"id": pl.String, "prediction": pl.String, "probabilities": pl.List(pl.Float64)},
        )

    # ---- score

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """For each class, and last for any other label: right, predicted, gold (predictions, 3 * (classes + 1))."""
        gold, predicted = self._numbers(_gold(rows, predictions)), self._numbers(predictions["prediction"])
        one_hot = np.eye(len(self._classes()) + 1)
        return np.hstack([one_hot[gold] * (gold == predicted)[:, None], one_hot[predicted], one_hot[gold]])

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """Accuracy, and the mean of F1 = 2 right / (predicted + gold) over the classes that occur in either."""
        right, predicted, gold = np.split(totals, 3, axis=-1)
        seen = predicted + gold
        f1 = np.divide(2 * right, seen, out=np.zeros_like(seen), where=seen > 0)
        return {
            "accuracy": right.sum(axis=-1) / gold.sum(axis=-1),
            "macro_f1": f1.sum(axis=-1) / (seen > 0).sum(axis=-1),
        }

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`confusion` {classes, counts[gold][predicted]} and `worst`: the wrong predictions with most confidence."""
        names = self._classes()
        gold, predicted = self._numbers(_gold(rows, predictions)), self._numbers(predictions["prediction"])
        counts = np.zeros((len(names) + 1, len(names) + 1), dtype=int)
        np.add.at(counts, (gold, predicted), 1)
        kept = [column for column in ("id", "file", "line", "text", "label") if column in rows.columns]
        wrong = (
            predictions.join(rows.select(kept), on="id", maintain_order="left")
            .filter(pl.col("label") != pl.col("prediction"))
            .with_columns(confidence=pl.col("probabilities").list.max())
            .sort("confidence", "id", descending=[True, False])
        )
        worst = (
            wrong.select(*kept, "prediction", "confidence").rename({"label": "gold"}).head(WORST).to_dicts()
        )
        return {
            "confusion": {"classes": list(names), "counts": counts[: len(names), : len(names)].tolist()},
            "worst": worst,
        }

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models.tfidf import TfidfClassifier

        fitted = TfidfClassifier.fit(
            train["text"].to_list(), self._numbers(train["label"]), len(self._classes())
        )
        tried = [TfidfBaseline(self, model, {"C": cost}) for cost, model in fitted]
        return max(tried, key=lambda item: self.evaluate(validation, item.predict(validation))[self.headline])

    def load_baseline(self, folder: Path) -> Baseline:
        from models.tfidf import TfidfClassifier

        return TfidfBaseline(self, TfidfClassifier.load(folder), {})

    # ---- classes

    def _classes(self) -> tuple[str, ...]:
        assert self.classes is not None, "classes are open: call settle(train) first"
        return self.classes

    def _numbers(self, labels: pl.Series) -> np.ndarray:
        """Class numbers; any other label gets the number after the last."""
        number = {name: number for number, name in enumerate(self._classes())}
        return np.array([number.get(label, len(number)) for label in labels], dtype=np.int64)


class TfidfBaseline:
    """TF-IDF with logistic regression whose scores are read like those of a model's head."""

    def __init__(self, downstream: Classification, model: TfidfClassifier, setting: dict[str, Any]) -> None:
        self.downstream, self.model, self.setting = downstream, model, setting

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        return self.downstream.decode(list(self.model.scores(rows["text"].to_list())), [], rows)

    def save(self, folder: Path) -> None:
        self.model.save(folder)


def _gold(rows: pl.DataFrame, predictions: pl.DataFrame) -> pl.Series:
    """Gold labels in the order of `predictions`."""
    gold = rows.select("id", "label")
    return predictions.select("id").join(gold, on="id", how="left", maintain_order="left")["label"]
