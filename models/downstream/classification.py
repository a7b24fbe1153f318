"""Classification: a text belongs to one of a few classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import polars as pl

from models.data.checks import LABEL, not_blank
from models.interfaces.downstream import Baseline
from models.interfaces.features import Feature
from models.targets.targeted import Targeted

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedTokenizerBase

    from models.targets.tfidf import TextModel


class Classification(Targeted):
    """Puts each text into one of `classes`."""

    kind: Literal["classification"] = "classification"
    model_class: ClassVar[str] = "AutoModelForSequenceClassification"

    # ---- rows

    def schema(self) -> DataFrameSchema:
        import pandera.polars as pa

        filled = not_blank()
        labels = filled if self.classes is None else pa.Check.isin(self.classes)
        return pa.DataFrameSchema(
            {
                "id": pa.Column(pl.String, filled),
                "text": pa.Column(pl.String, filled),
                "label": pa.Column(pl.String, labels, metadata={LABEL: ""}),
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

    # ---- model

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        texts = rows["text"].to_list()
        ids = tokenizer(texts, truncation=True, max_length=self.max_length)["input_ids"] if texts else []
        features = [Feature(row=row, input_ids=item) for row, item in enumerate(ids)]
        return self.labelled(features, rows) if labelled else features

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models.targets.tfidf import fit

        gold = train[self.goal_type().column]
        fitted = fit(train["text"].to_list(), gold, self.goal(), self.class_weights)
        tried = [TfidfBaseline(self, model, {"C": cost}) for cost, model in fitted]
        return max(tried, key=lambda item: self.evaluate(validation, item.predict(validation))[self.headline])

    def load_baseline(self, folder: Path) -> Baseline:
        from models.targets.tfidf import TextModel

        return TfidfBaseline(self, TextModel.load(folder), {})


class TfidfBaseline:
    """A linear model of TF-IDF whose outputs are read like those of a model's head."""

    def __init__(self, downstream: Classification, model: TextModel, setting: dict[str, Any]) -> None:
        self.downstream, self.model, self.setting = downstream, model, setting

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        return self.downstream.decode(list(self.model.outputs(rows["text"].to_list())), [], rows)

    def save(self, folder: Path) -> None:
        self.model.save(folder)
