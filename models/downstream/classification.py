"""Classification: a text belongs to one of a few classes, has any number of a few labels, or a score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from models.interfaces.downstream import Baseline
from models.late import pl
from models.targets.targeted import Targeted

if TYPE_CHECKING:
    from models.targets.tfidf import TextModel


class Classification(Targeted):
    """Puts each text into one of `classes`, gives it any number of them, or a score."""

    kind: Literal["classification"] = "classification"
    model_class: ClassVar[str] = "AutoModelForSequenceClassification"

    # ---- rows

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
        return self.with_gold(pl.DataFrame({"text": texts}))

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models.targets.tfidf import fit

        fitted = fit(train["text"].to_list(), train[self.target], self.goal(), self.class_weights)
        tried = [TfidfBaseline(self, model, {"C": cost}) for cost, model in fitted]
        return max(tried, key=lambda item: self.worth(validation, item.predict(validation)))

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
