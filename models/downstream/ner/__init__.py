"""Named entities: pieces of a text that name a person, a place, a date …

Entities are characters, models read tokens, and an entity often ends inside a token: a Korean particle is glued to its
noun. The model reads the tokens it was pretrained on, and its head gives a label for each character of a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from models.characters import windows
from models.characters.places import SLOTS
from models.characters.windows import NOTHING, Window
from models.data.checks import LABEL, not_blank
from models.data.comparison import Aligned, ClassName, composed
from models.downstream.ner import entities, iob2, scores
from models.errors import DataError
from models.interfaces.asked import Asked
from models.interfaces.downstream import Baseline, Downstream
from models.interfaces.features import padded
from models.interfaces.labels import Rates, rates
from models.late import np, pl

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SURE = 3 * iob2.EDGE
"""Logit of the right label in the outputs of a model that knows it: more than both ends of an entity cost."""


class NamedEntities(Downstream[Window]):
    """Finds entities of `types`, with IOB2 labels of characters.

    One label a token could not say where in the token an entity begins or ends, and tokens cut into characters are none
    the model was pretrained on. So the head gives each of the first `SLOTS` characters of a token labels of its own:
    whatever the tokenizer, every set of entities can be said exactly. White space, and a character that is part of no
    token, belongs to the token before it. A character's logits are the sum of those of its place in the token and of
    those that all its places share, so that what an entity looks like is learnt once.
    """

    kind: Literal["ner"] = "ner"
    own_headline: ClassVar[str] = "entity_f1"
    model_class: ClassVar[str] = "AutoModelForTokenClassification"
    kinds: ClassVar[str | None] = "entities.type"

    types: tuple[ClassName, ...] | None = Field(
        default=None, min_length=1, description="Types of entities; left out, those of the training rows."
    )
    max_length: int = Field(
        default=128, ge=8, description="Longest input in tokens; a longer text is read in windows."
    )
    stride: int = Field(default=32, ge=0, description="Tokens that neighbouring windows of a text share.")

    @model_validator(mode="after")
    def _windows_go_on(self) -> Self:
        if self.stride >= self.max_length - 2:
            raise ValueError(
                f"stride: windows of {self.max_length} tokens, two of them special, cannot share {self.stride}: "
                f"set it to {self.max_length - 3} or less, or raise max_length"
            )
        if self.types is not None and len(set(self.types)) < len(self.types):
            raise ValueError("types: names a type twice")
        return self

    # ---- rows

    def schema(self) -> DataFrameSchema:
        import pandera.polars as pa

        return pa.DataFrameSchema(
            {
                "id": pa.Column(pl.String, not_blank()),
                "text": pa.Column(pl.String, not_blank()),
                "entities": pa.Column(
                    entities.column(), entities.checks(self.types), metadata={LABEL: "type"}
                ),
            }
        )

    def examples(self) -> pl.DataFrame:
        return entities.examples(self.types or ("LC", "PS"))

    def corrupted(self) -> pl.DataFrame:
        return entities.corrupted(self.examples(), self.types)

    def settle(self, train: pl.DataFrame) -> Self:
        if self.types is not None:
            return self
        types = train["entities"].explode().struct.field("type").drop_nulls().unique().sort()
        return self.model_copy(update={"types": tuple(types)})

    def check(self, train: pl.DataFrame) -> None:
        if not train["entities"].list.len().sum():
            raise DataError(
                f"{train.height:,} training rows hold no entity: ner learns from entities; check the source"
            )

    # ---- model

    def head(self) -> dict[str, Any]:
        """Labels for each character of a token, plain IOB2 names for its first; the last ones are for all of them."""
        places = ["", *(f"@{slot}" for slot in range(1, SLOTS)), "@all"]
        names = [label + place for place in places for label in self._labels()]
        return {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: number for number, name in enumerate(names)},
        }

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Window]:
        """The windows of each row's text, composed, as `windows.windows` makes them."""
        texts, labels = _composed(rows), None
        if labelled:
            pairs = zip(texts, rows["entities"].to_list(), strict=True)
            labels = [iob2.numbers(text, gold, self._types()) for text, gold in pairs]
        return windows.windows(tokenizer, [text.text for text in texts], labels, self.max_length, self.stride)

    def collate(
        self, features: Sequence[Window], tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, torch.Tensor]:
        """`characters` (batch, longest, SLOTS) as in `encode`; `labels` (batch, longest): of first characters."""
        import torch

        batch = super().collate(features, tokenizer)
        batch["characters"] = padded([feature.characters for feature in features], NOTHING)
        if features[0].labelled:
            first = batch["characters"][..., 0]
            batch["labels"] = torch.where(first < 0, NOTHING, first)
        return batch

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross-entropy, the mean over characters."""
        return self._loss(self._logits(model, batch), batch)

    def targets(self, batch: Mapping[str, torch.Tensor]) -> float:
        return float((batch["characters"] >= 0).sum())

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        """Logits (characters, labels) of each feature, and the loss, where there are labels."""
        logits = self._logits(model, batch)
        each = [
            item[characters != NOTHING].double().cpu().numpy()
            for item, characters in zip(logits, batch["characters"], strict=True)
        ]
        loss = self._loss(logits, batch) if "labels" in batch else None
        return each, None if loss is None or loss.isnan() else float(loss)

    def _logits(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """(batch, longest, SLOTS, labels)"""
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        logits = logits.unflatten(-1, (SLOTS + 1, -1))
        return logits[..., :-1, :] + logits[..., -1:, :]

    def _loss(self, logits: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        from torch.nn.functional import cross_entropy

        known = batch["characters"] >= 0
        return cross_entropy(logits[known], batch["characters"][known])

    def oracle(self, feature: Window) -> np.ndarray:
        labels = feature.characters[feature.characters != NOTHING]
        return SURE * np.eye(len(self._labels()))[np.maximum(labels, 0)]

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Window], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `entities`: `{start, end, type, probability}` in the order of the text."""
        texts = _composed(rows)
        logits = windows.joined(outputs, features, [text.text for text in texts], len(self._labels()))
        predicted = [iob2.entities(text, own, self._types()) for text, own in zip(texts, logits, strict=True)]
        return entities.predictions(rows, predicted)

    def _types(self) -> tuple[str, ...]:
        assert self.types is not None, "types are open: call settle(train) first"
        return self.types

    def _labels(self) -> list[str]:
        return iob2.names(self._types())

    # ---- without learning

    def modes(self, decoder: bool) -> frozenset[str]:
        return super().modes(decoder) | (frozenset() if decoder else {"one_shot", "few_shot"})

    def ask(self, asked: Asked) -> tuple[list[Window], list[np.ndarray]]:
        """By the similarity of tokens to those of the entities that were shown."""
        from models.downstream.ner import prototypes

        shown = self.encode(asked.tokenizer, asked.demonstrations, True)
        features = self.encode(asked.tokenizer, asked.rows, False)
        return features, prototypes.logits(asked, shown, features, len(self._types()))

    # ---- score

    def own_statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Entities right, predicted and gold of each type, and of all other types (predictions, 3 * (types + 1))."""
        return scores.counts(rows, predictions, self._types())

    def own_metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """F1 of all entities together and of each type; an entity is right with its exact place and type.

        A type with neither gold nor predicted entities has 0, as seqeval has it.
        """
        counts = totals.reshape(*totals.shape[:-1], -1, 3)
        of_types = {f"entity_f1/{kind}": of["f1"] for kind, of in self.by_label(totals).items()}
        return {"entity_f1": scores.f1(counts.sum(axis=-2)), **of_types}

    def by_label(self, totals: np.ndarray) -> dict[str, Rates]:
        counts = totals.reshape(*totals.shape[:-1], -1, 3)
        return {kind: rates(*np.moveaxis(counts[..., at, :], -1, 0)) for at, kind in enumerate(self._types())}

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`per_type`: entities right, predicted and gold; `worst`: rows with the most wrong or missing entities."""
        totals = self.own_statistics(rows, predictions).sum(axis=0).reshape(-1, 3)
        return {
            "per_type": scores.per_type(totals, self._types()),
            "worst": scores.worst(rows, predictions),
        }

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models.downstream.ner.dictionary import dictionaries

        tried = dictionaries(train)
        return max(tried, key=lambda item: self.worth(validation, item.predict(validation)))

    def load_baseline(self, folder: Path) -> Baseline:
        from models.downstream.ner.dictionary import DictionaryBaseline

        return DictionaryBaseline.load(folder)


def _composed(rows: pl.DataFrame) -> list[Aligned]:
    """Each text as models read it, so that a syllable has one label however it is stored."""
    return [Aligned(text, composed) for text in rows["text"]]
