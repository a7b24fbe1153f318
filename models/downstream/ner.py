"""Named entities: pieces of a text that name a person, a place, a date …

Entities are characters, models read tokens, and an entity often ends inside a token: a Korean particle is glued to its
noun. The model reads the tokens it was pretrained on, and its head gives a label for each character of a token.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from models.downstream import Baseline, Downstream, Feature, beside, padded
from models.errors import DataError
from models.rows import not_blank

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SLOTS = 8
"""Characters a token can have labels for; one with more is read again for the next so many."""
NOTHING, UNSEEN = -100, -1
"""In place of a label: there is no such character; the character's entity is of a type no training row has."""
EDGE = 10.0
"""What white space at either end of an entity costs, in nats; published entities have it once in thousands."""
SURE = 3 * EDGE
"""Logit of the right label in the outputs of a model that knows it: more than both ends of an entity cost."""
UNCUT = 1 << 30
"""Tokens between a character and the nearest cut of a text that is not cut."""
WORST = 20
"""Rows shown, those with the most wrong entities first."""
DICTIONARY = "dictionary.json"
COUNTS, SHARES = (1, 2, 3), (0.0, 0.25, 0.5, 0.75)
"""How often, and in what share of its occurrences, a word must be an entity: validation chooses."""
NAME = re.compile(r"\w[\w. -]*")
"""What a type may be called: it is part of a metric's name."""
ENTITY = {"start": pl.Int64, "end": pl.Int64, "type": pl.String}
ENTITIES = pl.List(pl.Struct(ENTITY))
PREDICTIONS = {"id": pl.String, "entities": pl.List(pl.Struct({**ENTITY, "probability": pl.Float64}))}

Entity = dict[str, Any]
"""`start`, `end` (characters, half-open), `type`; a predicted one has a `probability` too."""


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
            "not inside the text": _inside,
            "overlapping": _apart,
            "without a known type": partial(_named, self.types),
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
                "entities": pa.Column(ENTITIES, checks),
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
            rows, schema={"id": pl.String, "text": pl.String, "entities": ENTITIES}, orient="row"
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
            spelt = _places(text, ids or [hidden], [start for start, _ in offsets] or [0])
            features += [
                {"row": row, "labelled": labelled, **window}
                for window in self._windows(*spelt, labels, before, after)
            ]
        return features

    def _windows(
        self, ids: np.ndarray, places: np.ndarray, labels: np.ndarray, before: list[int], after: list[int]
    ) -> Iterator[Feature]:
        """Inputs of one text; `places` and `labels` (characters,) are those of `_places` and `_numbers`."""
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
        return _predictions(rows, [self._entities(*item) for item in zip(rows["text"], logits, strict=True)])

    def _entities(self, text: str, logits: np.ndarray) -> list[Entity]:
        """The entities of one text from its logits (characters, labels)."""
        scores = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        best = best_labels(scores, np.array([letter.isspace() for letter in text], dtype=bool))
        found = []
        for begin in np.flatnonzero(best % 2 == 1).tolist():
            following = np.flatnonzero(best[begin + 1 :] != best[begin] + 1)
            end = begin + 1 + int(following[0]) if len(following) else len(best)
            chance = np.exp(scores[np.arange(begin, end), best[begin:end]]).mean()
            found.append(_entity(begin, end, self._types()[best[begin] // 2], float(chance)))
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
        for row, (found, gold) in enumerate(_both(rows, predictions)):
            for column, entities in enumerate((found & gold, found, gold)):
                for *_, kind in entities:
                    counts[row, place.get(kind, len(place)), column] += 1
        return counts.reshape(predictions.height, 3 * (len(place) + 1))

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """F1 of all entities together and of each type; an entity is right with its exact place and type.

        A type with neither gold nor predicted entities has 0, as seqeval has it.
        """
        counts = totals.reshape(*totals.shape[:-1], -1, 3)
        scores = {f"entity_f1/{kind}": _f1(counts[..., at, :]) for at, kind in enumerate(self._types())}
        return {"entity_f1": _f1(counts.sum(axis=-2)), **scores}

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`per_type`: entities right, predicted and gold; `worst`: rows with the most wrong or missing entities."""
        totals = self.statistics(rows, predictions).sum(axis=0).reshape(-1, 3)
        counted = zip((*self._types(), "other"), totals.astype(int).tolist(), strict=True)
        found = beside(predictions, rows).with_columns(predicted=predictions["entities"])
        wrong = [len(predicted ^ gold) for predicted, gold in _both(rows, predictions)]
        found = found.with_columns(wrong=pl.Series(wrong, dtype=pl.Int64)).filter(pl.col("wrong") > 0)
        shown = [name for name in ("id", "file", "line", "text") if name in found.columns]
        return {
            "per_type": {
                kind: dict(zip(("right", "predicted", "gold"), counts, strict=True))
                for kind, counts in counted
            },
            "worst": [
                {name: row[name] for name in shown}
                | {"gold": _shown(row["text"], row["entities"])}
                | {"predicted": _shown(row["text"], row["predicted"]), "wrong": row["wrong"]}
                for row in found.sort("wrong", "id", descending=[True, False])
                .head(WORST)
                .iter_rows(named=True)
            ],
        }

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        words = _words(train)
        tried = []
        for count, share in product(COUNTS, SHARES):
            kept = {word: item for word, item in words.items() if item[1] >= count and item[2] >= share}
            tried.append(DictionaryBaseline(kept, {"count": count, "share": share}))
        return max(tried, key=lambda item: self.evaluate(validation, item.predict(validation))[self.headline])

    def load_baseline(self, folder: Path) -> Baseline:
        return DictionaryBaseline(**json.loads((folder / DICTIONARY).read_text(encoding="utf-8")))


class DictionaryBaseline:
    """Looks for the entities of the training rows: from left to right, at each place the longest."""

    def __init__(self, words: Mapping[str, Sequence[Any]], setting: dict[str, Any]) -> None:
        self.words, self.setting = words, setting
        lengths: dict[str, set[int]] = defaultdict(set)
        for word in words:
            lengths[word[0]].add(len(word))
        self._lengths = {letter: sorted(found, reverse=True) for letter, found in lengths.items()}

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each word of the dictionary in a text."""
        at = 0
        while at < len(text):
            pieces = (text[at : at + size] for size in self._lengths.get(text[at], ()))
            size = next((len(piece) for piece in pieces if piece in self.words), 0)
            if size:
                yield at, at + size
            at += max(1, size)

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """An entity's probability is the share of the word's occurrences in training rows that were one."""
        found = []
        for text in rows["text"]:
            words = [(start, end, self.words[text[start:end]]) for start, end in self.places(text)]
            found.append([_entity(start, end, kind, share) for start, end, (kind, _, share) in words])
        return _predictions(rows, found)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        content = {"setting": self.setting, "words": self.words}
        (folder / DICTIONARY).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def best_labels(scores: np.ndarray, blank: np.ndarray) -> np.ndarray:
    """The most probable sequence that IOB2 allows: what goes on follows what it goes on with.

    Viterbi's algorithm (Forney, The Viterbi Algorithm, Proceedings of the IEEE 61, 1973). White space is nearly always
    inside of an entity or outside, so that one which begins or ends with it is `EDGE` less likely.

    Args:
        scores: log-probabilities (characters, labels) in the order of O, B-X, I-X, B-Y, I-Y, …
        blank: which characters are white space (characters,).

    Returns:
        A label number for each character (characters,).
    """
    labels = np.arange(scores.shape[1])
    entity, begins = labels > 0, labels % 2 == 1
    goes_on = entity & ~begins & ((labels[:, None] + 1) // 2 == labels // 2)  # from (rows) to (columns)
    moves = np.where(entity & ~begins & ~goes_on, -np.inf, 0.0)
    after_blank = moves - EDGE * (entity[:, None] & ~goes_on)
    scores = scores - EDGE * (blank[:, None] & begins)
    back = np.zeros(scores.shape, dtype=np.int64)
    total = np.where(entity, -np.inf, 0.0)  # a text begins as after O
    for at, score in enumerate(scores):
        paths = total[:, None] + (after_blank if at and blank[at - 1] else moves)
        back[at] = paths.argmax(axis=0)
        total = paths.max(axis=0) + score
    best = np.zeros(len(scores), dtype=np.int64)
    label = int((total - EDGE * (entity & blank[-1:].any())).argmax())
    for at in range(len(scores) - 1, -1, -1):
        best[at], label = label, int(back[at, label])
    return best


def _places(text: str, ids: Sequence[int], starts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (tokens,), those with many characters repeated, and the place of each character in (tokens * SLOTS,).

    A character belongs to the last token that starts at it or before: of several tokens for one character, or after a
    token for the space that sentencepiece puts in front of a text, that is the one that stands for it.
    """
    solid = np.array([at for at, letter in enumerate(text) if not letter.isspace()], dtype=np.int64)
    token = np.searchsorted(np.maximum.accumulate(starts), solid, side="right") - 1
    known = np.searchsorted(solid, np.arange(len(text)), side="right")
    owner = np.maximum(np.append(-1, token), 0)[np.where(known, known, min(1, len(solid)))]
    rank = np.arange(len(text)) - np.searchsorted(owner, owner)
    repeats = np.maximum(1, -(-np.bincount(owner, minlength=len(ids)) // SLOTS))
    begin = np.cumsum(repeats) - repeats
    return np.repeat(np.asarray(ids, dtype=np.int64), repeats), begin[owner] * SLOTS + rank


def _frame(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Special tokens before and after a text."""
    made: Any = tokenizer("1", return_special_tokens_mask=True)
    inner = np.flatnonzero(np.array(made["special_tokens_mask"]) == 0)
    return made["input_ids"][: inner[0]], made["input_ids"][inner[-1] + 1 :]


def _inside(row: dict[str, Any]) -> bool:
    """Whether each entity has characters, all in the text; a text that is missing has a reason of its own."""
    return row["text"] is None or all(
        entity is not None
        and entity["start"] is not None
        and entity["end"] is not None
        and 0 <= entity["start"] < entity["end"] <= len(row["text"])
        for entity in row["entities"] or ()
    )


def _apart(row: dict[str, Any]) -> bool:
    found = [(entity["start"], entity["end"]) for entity in row["entities"] or () if entity is not None]
    placed = sorted((start, end) for start, end in found if start is not None and end is not None)
    return all(end <= start for (_, end), (start, _) in pairwise(placed))


def _named(types: tuple[str, ...] | None, row: dict[str, Any]) -> bool:
    names = [entity["type"] or "" for entity in row["entities"] or () if entity is not None]
    return all(name in types if types is not None else NAME.fullmatch(name) for name in names)


def _entity(start: int, end: int, kind: str, probability: float) -> Entity:
    return {"start": start, "end": end, "type": kind, "probability": probability}


def _predictions(rows: pl.DataFrame, entities: Sequence[list[Entity]]) -> pl.DataFrame:
    return pl.DataFrame({"id": rows["id"], "entities": entities}, schema=PREDICTIONS)


def _key(entities: Sequence[Entity]) -> set[tuple[int, int, str]]:
    return {(entity["start"], entity["end"], entity["type"]) for entity in entities}


def _both(rows: pl.DataFrame, predictions: pl.DataFrame) -> Iterator[tuple[set[Any], set[Any]]]:
    """Predicted and gold entities of each prediction."""
    gold = beside(predictions, rows)["entities"].to_list()
    for found, true in zip(predictions["entities"].to_list(), gold, strict=True):
        yield _key(found), _key(true)


def _f1(counts: np.ndarray) -> np.ndarray:
    """F1 (…) of entities right, predicted and gold (…, 3); 0 where there are none."""
    return 2 * counts[..., 0] / np.maximum(counts[..., 1] + counts[..., 2], 1)


def _shown(text: str, entities: Sequence[Entity]) -> str:
    """Entities for a reader: `서울:LC 0–2`."""
    found = sorted(_key(entities))
    return ", ".join(f"{text[start:end]}:{kind} {start}–{end}" for start, end, kind in found)


def _words(train: pl.DataFrame) -> dict[str, tuple[str, int, float]]:
    """Each entity's text with its most frequent type, how often it has it, and in what share of its occurrences."""
    gold = [_key(entities) for entities in train["entities"].to_list()]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for text, entities in zip(train["text"], gold, strict=True):
        for start, end, kind in entities:
            counts[text[start:end]][kind] += 1
    # Ties by name: a set has no order that would be the same in every run.
    chosen = {
        word: min(found.items(), key=lambda item: (-item[1], item[0])) for word, found in counts.items()
    }
    scanner = DictionaryBaseline(dict.fromkeys(sorted(chosen), ()), {})
    met, right = Counter[str](), Counter[str]()
    for text, entities in zip(train["text"], gold, strict=True):
        for start, end in scanner.places(text):
            word = text[start:end]
            met[word] += 1
            right[word] += (start, end, chosen[word][0]) in entities
    return {word: (*chosen[word], right[word] / max(1, met[word])) for word in scanner.words}
