"""Named entities: pieces of a text that name a person, a place, a date …

Entities are characters, models read tokens, and an entity often ends inside a token: a Korean particle is glued to its
noun. The model reads the tokens it was pretrained on, and its head gives a label for each character of a token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from models import characters, entity_rows
from models.characters import EDGE, SLOTS
from models.downstream import Baseline, Downstream, Feature, beside, padded
from models.entity_rows import Entity
from models.errors import DataError
from models.rows import not_blank

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

NOTHING, UNSEEN = -100, -1
"""In place of a label: there is no such character; the character's entity is of a type no training row has."""
SURE = 3 * EDGE
"""Logit of the right label in the outputs of a model that knows it: more than both ends of an entity cost."""
UNCUT = 1 << 30
"""Tokens between a character and the nearest cut of a text that is not cut."""
WORST = 20
"""Rows shown, those with the most wrong entities first."""


class NamedEntities(Downstream):
    """Finds entities of `types`, with IOB2 labels of characters.

    One label a token could not say where in the token an entity begins or ends, and tokens cut into characters are none
    the model was pretrained on. So the head gives each of the first `SLOTS` characters of a token labels of its own:
    whatever the tokenizer, every set of entities can be said exactly. White space, and a character that is part of no
    token, belongs to the token before it. A character's logits are the sum of those of its place in the token and of
    those that all its places share, so that what an entity looks like is learnt once.
    """

    kind: Literal["ner"] = "ner"
    headline: ClassVar[str] = "entity_f1"
    model_class: ClassVar[str] = "AutoModelForTokenClassification"

    types: tuple[str, ...] | None = Field(
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

        tests = {
            "not inside the text": entity_rows.inside,
            "overlapping": entity_rows.apart,
            "without a known type": partial(entity_rows.named, self.types),
        }
        checks = [
            pa.Check(
                lambda data, test=test: data.lazyframe.select(
                    pl.struct("text", "entities").map_elements(test, return_dtype=pl.Boolean)
                ),
                error=reason,
            )
            for reason, test in tests.items()
        ]
        return pa.DataFrameSchema(
            {
                "id": pa.Column(pl.String, not_blank()),
                "text": pa.Column(pl.String, not_blank()),
                "entities": pa.Column(entity_rows.ENTITIES, checks),
            }
        )

    def examples(self) -> pl.DataFrame:
        marked = (
            "<민수|1>는 <서울|0>에 산다",
            "<지우|1>가 <부산|0>으로 떠났다",
            "<하나|1>와 <두리|1>는 친구다",
            "오늘은 비가 온다",
            "<새 강|0>을 건너 <대전|0>에 닿았다",
            "<대구|0><광주|0>행 기차",
            "나는 <김 영희|1>를 보았다",
            "<제주|0>는 멀다",
        )
        names = self.types or ("LC", "PS")
        rows = []
        for number, line in enumerate(marked):
            text, entities = "", []
            for plain, name, place in re.findall(r"([^<]*)(?:<(.*?)\|(\d)>|$)", line):
                text += plain + name
                if name:
                    kind = names[int(place) % len(names)]
                    entities.append({"start": len(text) - len(name), "end": len(text), "type": kind})
            rows.append((f"example-{number}", text, entities))
        return pl.DataFrame(
            rows, schema={"id": pl.String, "text": pl.String, "entities": entity_rows.ENTITIES}, orient="row"
        )

    def corrupted(self) -> pl.DataFrame:
        row = self.examples().row(0, named=True)
        first, length = row["entities"][0], len(row["text"])
        spans = [(None, 1), (0, None), (-1, 1), (0, length + 1), (length, length + 1), (1, 1), (2, 1)]
        entities = [[first | {"start": start, "end": end}] for start, end in spans]
        entities += [[first | {"type": kind}] for kind in (None, "", " ", "a\tb")]
        entities += [None, [None], [first, first], [*row["entities"], first | {"start": 1, "end": 3}]]
        if self.types is not None:
            entities.append([first | {"type": "not-a-type"}])
        wrong = {"id": [None, ""], "text": [None, " \t", ""], "entities": entities}
        rows = [row | {name: value} for name, values in wrong.items() for value in values]
        return pl.DataFrame(rows, schema=self.examples().schema)

    def settle(self, train: pl.DataFrame) -> Self:
        if self.types is not None:
            return self
        found = train["entities"].explode().struct.field("type").drop_nulls().unique().sort()
        return self.model_copy(update={"types": tuple(found)})

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

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        """The windows of each row.

        Each has `characters` (tokens, SLOTS), the labels of the characters of its tokens, `UNSEEN` where they are not
        known and `NOTHING` where there is no character; `first`, the place of its first character in the text; and
        `context` (characters,), the tokens between a character and the nearest place where the text is cut.
        """
        texts = rows["text"].to_list()
        if not texts:
            return []
        made: Any = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        hidden: Any = tokenizer.mask_token_id
        before, after = _frame(tokenizer)
        gold = rows["entities"].to_list() if labelled else [()] * len(texts)
        features: list[Feature] = []
        for row, (text, ids, offsets) in enumerate(
            zip(texts, made["input_ids"], made["offset_mapping"], strict=True)
        ):
            labels = self._numbers(text, gold[row]) if labelled else np.full(len(text), UNSEEN)
            # A text without a token is read as one hidden word.
            spelt = characters.places(text, ids or [hidden], [start for start, _ in offsets] or [0])
            features += [
                {"row": row, "labelled": labelled, **window}
                for window in self._windows(*spelt, labels, before, after)
            ]
        return features

    def _windows(
        self, ids: np.ndarray, places: np.ndarray, labels: np.ndarray, before: list[int], after: list[int]
    ) -> Iterator[Feature]:
        """Inputs of one text; `places` and `labels` (characters,) are those of `characters.places` and `_numbers`."""
        size = max(1, self.max_length - len(before) - len(after))
        step = max(1, size - self.stride)
        for start in range(0, max(1, len(ids) - size + step), step):
            inside = ids[start : start + size]
            low, high = np.searchsorted(places, [start * SLOTS, (start + len(inside)) * SLOTS])
            at = places[low:high] - start * SLOTS
            left = at // SLOTS if start else UNCUT
            right = len(inside) - 1 - at // SLOTS if start + size < len(ids) else UNCUT
            slots = np.full((len(before) + len(inside) + len(after)) * SLOTS, NOTHING)
            slots[len(before) * SLOTS + at] = labels[low:high]
            yield {
                "input_ids": [*before, *inside.tolist(), *after],
                "characters": slots.reshape(-1, SLOTS),
                "first": int(low),
                "context": np.broadcast_to(np.minimum(left, right), at.shape),
            }

    def collate(
        self, features: Sequence[Feature], tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, torch.Tensor]:
        """`characters` (batch, longest, SLOTS) as in `encode`; `labels` (batch, longest): of first characters."""
        import torch

        batch = super().collate(features, tokenizer)
        batch["characters"] = padded([feature["characters"] for feature in features], NOTHING)
        if features[0]["labelled"]:
            first = batch["characters"][..., 0]
            batch["labels"] = torch.where(first < 0, NOTHING, first)
        return batch

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross-entropy, the mean over characters."""
        return self._loss(self._logits(model, batch), batch)

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        """Logits (characters, labels) of each feature, and the loss, where there are labels."""
        logits = self._logits(model, batch)
        found = [
            item[characters != NOTHING].double().cpu().numpy()
            for item, characters in zip(logits, batch["characters"], strict=True)
        ]
        loss = self._loss(logits, batch) if "labels" in batch else None
        return found, None if loss is None or loss.isnan() else float(loss)

    def _logits(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """(batch, longest, SLOTS, labels)"""
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        logits = logits.unflatten(-1, (SLOTS + 1, -1))
        return logits[..., :-1, :] + logits[..., -1:, :]

    def _loss(self, logits: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        from torch.nn.functional import cross_entropy

        known = batch["characters"] >= 0
        return cross_entropy(logits[known], batch["characters"][known])

    def oracle(self, feature: Feature) -> np.ndarray:
        labels = feature["characters"][feature["characters"] != NOTHING]
        return SURE * np.eye(len(self._labels()))[np.maximum(labels, 0)]

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Feature], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `entities`: `{start, end, type, probability}` in the order of the text.

        A character's labels are those of the window that shows most of the text around it. Of all sequences of labels
        that IOB2 allows the most probable one is taken; an entity's probability is the mean over its characters.
        """
        logits = [np.zeros((len(text), len(self._labels()))) for text in rows["text"]]
        contexts = [np.full(len(text), -1) for text in rows["text"]]
        for found, feature in zip(outputs, features, strict=True):
            row, context = feature["row"], feature["context"]
            better = np.flatnonzero(context > contexts[row][feature["first"] :][: len(context)])
            contexts[row][feature["first"] + better] = context[better]
            logits[row][feature["first"] + better] = found[better]
        return entity_rows.predictions(
            rows, [self._entities(*item) for item in zip(rows["text"], logits, strict=True)]
        )

    def _entities(self, text: str, logits: np.ndarray) -> list[Entity]:
        """The entities of one text from its logits (characters, labels)."""
        scores = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        best = characters.best_labels(scores, np.array([letter.isspace() for letter in text], dtype=bool))
        found = []
        for begin in np.flatnonzero(best % 2 == 1).tolist():
            following = np.flatnonzero(best[begin + 1 :] != best[begin] + 1)
            end = begin + 1 + int(following[0]) if len(following) else len(best)
            chance = np.exp(scores[np.arange(begin, end), best[begin:end]]).mean()
            found.append(entity_rows.entity(begin, end, self._types()[best[begin] // 2], float(chance)))
        return found

    def _types(self) -> tuple[str, ...]:
        assert self.types is not None, "types are open: call settle(train) first"
        return self.types

    def _labels(self) -> list[str]:
        """IOB2: number 0 is O, odd ones begin an entity and even ones go on."""
        return ["O", *(f"{mark}-{kind}" for kind in self._types() for mark in "BI")]

    def _numbers(self, text: str, entities: Sequence[Entity]) -> np.ndarray:
        """Label of each character; entities of a type no training row has are left out of the loss."""
        labels = np.zeros(len(text), dtype=np.int64)
        place = {kind: number for number, kind in enumerate(self._types())}
        for entity in entities:
            number = place.get(entity["type"])
            labels[entity["start"] : entity["end"]] = UNSEEN if number is None else 2 * number + 2
            labels[entity["start"]] = UNSEEN if number is None else 2 * number + 1
        return labels

    # ---- score

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Entities right, predicted and gold of each type, and of all other types (predictions, 3 * (types + 1))."""
        place = {kind: number for number, kind in enumerate(self._types())}
        counts = np.zeros((predictions.height, len(place) + 1, 3))
        for row, (found, gold) in enumerate(entity_rows.pairs(rows, predictions)):
            for column, entities in enumerate((found & gold, found, gold)):
                for *_, kind in entities:
                    counts[row, place.get(kind, len(place)), column] += 1
        return counts.reshape(predictions.height, 3 * (len(place) + 1))

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """F1 of all entities together and of each type; an entity is right with its exact place and type.

        A type with neither gold nor predicted entities has 0, as seqeval has it.
        """
        counts = totals.reshape(*totals.shape[:-1], -1, 3)
        scores = {
            f"entity_f1/{kind}": entity_rows.f1(counts[..., at, :]) for at, kind in enumerate(self._types())
        }
        return {"entity_f1": entity_rows.f1(counts.sum(axis=-2)), **scores}

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`per_type`: entities right, predicted and gold; `worst`: rows with the most wrong or missing entities."""
        totals = self.statistics(rows, predictions).sum(axis=0).reshape(-1, 3)
        counted = zip((*self._types(), "other"), totals.astype(int).tolist(), strict=True)
        found = beside(predictions, rows).with_columns(predicted=predictions["entities"])
        wrong = [len(predicted ^ gold) for predicted, gold in entity_rows.pairs(rows, predictions)]
        found = found.with_columns(wrong=pl.Series(wrong, dtype=pl.Int64)).filter(pl.col("wrong") > 0)
        shown = [name for name in ("id", "file", "line", "text") if name in found.columns]
        return {
            "per_type": {
                kind: dict(zip(("right", "predicted", "gold"), counts, strict=True))
                for kind, counts in counted
            },
            "worst": [
                {name: row[name] for name in shown}
                | {"gold": entity_rows.shown(row["text"], row["entities"])}
                | {"predicted": entity_rows.shown(row["text"], row["predicted"]), "wrong": row["wrong"]}
                for row in found.sort("wrong", "id", descending=[True, False])
                .head(WORST)
                .iter_rows(named=True)
            ],
        }

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models.dictionary import dictionaries

        tried = dictionaries(train)
        return max(tried, key=lambda item: self.evaluate(validation, item.predict(validation))[self.headline])

    def load_baseline(self, folder: Path) -> Baseline:
        from models.dictionary import DictionaryBaseline

        return DictionaryBaseline.load(folder)


def _frame(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Special tokens before and after a text."""
    made: Any = tokenizer("1", return_special_tokens_mask=True)
    inner = np.flatnonzero(np.array(made["special_tokens_mask"]) == 0)
    return made["input_ids"][: inner[0]], made["input_ids"][inner[-1] + 1 :]
