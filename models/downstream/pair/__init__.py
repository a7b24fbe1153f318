"""Pairs: how two texts are related, as one of a few classes, by any number of labels, or as a place on a scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from models.backbone import embedding
from models.backbone.export import export
from models.downstream.pair.cosines import cosines
from models.interfaces.asked import Asked
from models.interfaces.downstream import Baseline
from models.interfaces.features import Feature, texts_batch
from models.late import np, pl
from models.targets.reading import Reader, Reading
from models.targets.scale import Scale
from models.targets.targeted import Targeted

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from models.downstream.pair.tfidf import PairModel


@dataclass(kw_only=True)
class TwoTexts(Reading):
    """Two texts that are read apart."""

    other: list[int]
    """Tokens of the second."""


class Pair(Targeted):
    """Puts two texts into one of `classes`, or on a scale of scores."""

    kind: Literal["pair"] = "pair"
    texts: ClassVar[tuple[str, ...]] = ("text_a", "text_b")
    inputs: ClassVar[tuple[str, ...]] = texts

    encoder: Literal["cross", "bi"] = Field(
        default="cross",
        description="cross: one input holds both texts. bi: each text has a vector of its own, and their cosine is the "
        "score; for scores of similarity, where it learns from fewer rows.",
    )
    prefix: str = Field(
        default="", description="With encoder bi, what the model reads before each text ('query: ' for E5)."
    )
    scale: tuple[float, float] | None = Field(
        default=None,
        description="Scores as models see them: minus the first number, by the second. Left out, mean and spread of "
        "the training rows; with encoder bi their least and their range, so that a cosine of 1 is the highest score.",
    )

    @model_validator(mode="after")
    def _two_vectors_have_one_number(self) -> Self:
        if self.encoder == "bi" and self.long == "windows":
            raise ValueError(
                "long: windows is for encoder cross; with bi each text has one vector, of its beginning"
            )
        if self.encoder == "bi" and self.target != "score":
            raise ValueError(
                "encoder: bi compares the vectors of the two texts, which gives a score; for classes and labels leave "
                "it at cross"
            )
        return self

    @property
    def model_class(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "AutoModel" if self.encoder == "bi" else "AutoModelForSequenceClassification"

    # ---- rows

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
        return self.with_gold(pl.DataFrame(pairs, schema=list(self.texts), orient="row"))

    def settle(self, train: pl.DataFrame) -> Self:
        if self.encoder == "cross" or self.scale is not None:
            return super().settle(train)
        scale = Scale.between(train["score"])
        return self.model_copy(update={"scale": (scale.center, scale.spread)})

    # ---- model

    def head(self) -> dict[str, Any]:
        return {} if self.encoder == "bi" else super().head()

    def prepare(self, model: PreTrainedModel) -> None:
        if self.encoder == "bi":
            embedding.bare(model)

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        """With encoder bi the first text, and the second as `other`."""
        if self.encoder == "cross":
            return super().encode(tokenizer, rows, labelled)
        read = Reader(tokenizer, self.max_length, windows=1, stride=0)
        first, second = (read([[self.prefix + text for text in rows[name]]]) for name in self.texts)
        features: list[Feature] = [
            TwoTexts(
                row=one.row,
                input_ids=one.input_ids,
                other=other.input_ids,
                tokens=one.tokens + other.tokens,
                lost=one.lost + other.lost,
            )
            for one, other in zip(first, second, strict=True)
        ]
        return self.labelled(features, rows) if labelled else features

    def collate(
        self, features: Sequence[Feature], tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, torch.Tensor]:
        """With encoder bi also `other_input_ids` and `other_attention_mask` (batch, longest)."""
        batch = super().collate(features, tokenizer)
        if self.encoder == "bi":
            others = [feature.other for feature in features if isinstance(feature, TwoTexts)]
            padding: Any = tokenizer.pad_token_id
            batch |= {f"other_{name}": tensor for name, tensor in texts_batch(others, padding).items()}
        return batch

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross-entropy of classes, squared error of scores."""
        if self.encoder == "cross":
            return super().loss(model, batch)
        from torch.nn.functional import mse_loss

        return mse_loss(cosines(model, batch, self.pooling), batch["labels"].float())

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        if self.encoder == "cross":
            return super().outputs(model, batch)
        from torch.nn.functional import mse_loss

        alike = cosines(model, batch, self.pooling)
        loss = float(mse_loss(alike, batch["labels"].float())) if "labels" in batch else None
        return list(alike.double().cpu().numpy()[:, None]), loss

    def export(self, folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
        if self.encoder == "bi":
            side = self.prefix, self.max_length
            export(folder, self.pooling, side, side)

    # ---- without learning

    def modes(self, decoder: bool) -> frozenset[str]:
        cosine = {"zero_shot"} if self.target == "score" and not decoder else set()
        return super().modes(decoder) | cosine

    def ask(self, asked: Asked) -> tuple[list[Feature], list[np.ndarray]]:
        """Classes as `Targeted` has them; a score is the cosine of the two texts' vectors."""
        if self.target != "score":
            return super().ask(asked)
        from models.inference.states import ask_untrained

        return ask_untrained(asked, self.model_copy(update={"encoder": "bi"}))

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models.downstream.pair.tfidf import fit

        first, second = (train[name].to_list() for name in self.texts)
        tried = [
            PairBaseline(self, model, {"C": cost})
            for cost, model in fit(first, second, train[self.target], self.goal(), self.class_weights)
        ]
        return max(tried, key=lambda item: self.worth(validation, item.predict(validation)))

    def load_baseline(self, folder: Path) -> Baseline:
        from models.downstream.pair.tfidf import PairModel

        return PairBaseline(self, PairModel.load(folder), {})


class PairBaseline:
    """A linear model of both texts' TF-IDF and their overlap, whose outputs are read like those of a model's head."""

    def __init__(self, downstream: Pair, model: PairModel, setting: dict[str, Any]) -> None:
        self.downstream, self.model, self.setting = downstream, model, setting

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        first, second = (rows[name].to_list() for name in self.downstream.texts)
        return self.downstream.decode(list(self.model.outputs(first, second)), [], rows)

    def save(self, folder: Path) -> None:
        self.model.save(folder)
