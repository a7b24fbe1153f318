"""A dictionary of the entities of training rows: the baseline of named entities."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Self

import polars as pl

from models.downstream.ner.entities import entity, key, predictions

DICTIONARY = "dictionary.json"
COUNTS, SHARES = (1, 2, 3), (0.0, 0.25, 0.5, 0.75)
"""How often, and in what share of its occurrences, a word must be an entity: validation chooses."""


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
            found.append([entity(start, end, kind, share) for start, end, (kind, _, share) in words])
        return predictions(rows, found)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        content = {"setting": self.setting, "words": self.words}
        (folder / DICTIONARY).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        return cls(**json.loads((folder / DICTIONARY).read_text(encoding="utf-8")))


def dictionaries(train: pl.DataFrame) -> list[DictionaryBaseline]:
    """A dictionary for each of `COUNTS` and `SHARES`."""
    words = words_of(train)
    return [
        DictionaryBaseline(
            {word: item for word, item in words.items() if item[1] >= count and item[2] >= share},
            {"count": count, "share": share},
        )
        for count, share in product(COUNTS, SHARES)
    ]


def words_of(train: pl.DataFrame) -> dict[str, tuple[str, int, float]]:
    """Each entity's text with its most frequent type, how often it has it, and in what share of its occurrences."""
    gold = [key(entities) for entities in train["entities"].to_list()]
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
