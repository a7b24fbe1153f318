"""A dictionary of the entities of training rows: the baseline of named entities."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Self

import polars as pl

from models.data.comparison import Aligned, folded
from models.downstream.ner.entities import entity, key, predictions

DICTIONARY = "dictionary.json"
COUNTS, SHARES = (1, 2, 3), (0.0, 0.25, 0.5, 0.75)
"""How often, and in what share of its occurrences, a word must be an entity: validation chooses."""


class DictionaryBaseline:
    """Looks for the entities of the training rows: from left to right, at each place the longest.

    Words and texts are compared as `folded` has them.
    """

    def __init__(self, words: Mapping[str, Sequence[Any]], setting: dict[str, Any]) -> None:
        self.words, self.setting = words, setting
        lengths: dict[str, set[int]] = defaultdict(set)
        for word in words:
            lengths[word[0]].add(len(word))
        self._lengths = {letter: sorted(sizes, reverse=True) for letter, sizes in lengths.items()}

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each word of the dictionary in a folded text."""
        at = 0
        while at < len(text):
            pieces = (text[at : at + size] for size in self._lengths.get(text[at], ()))
            size = next((len(piece) for piece in pieces if piece in self.words), 0)
            if size:
                yield at, at + size
            at += max(1, size)

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """An entity's probability is the share of the word's occurrences in training rows that were one."""
        entities = []
        for text in rows["text"]:
            read = Aligned(text, folded)
            words = [(*place, self.words[read.text[slice(*place)]]) for place in self.places(read.text)]
            entities.append(
                [entity(*read.back(start, end), kind, share) for start, end, (kind, _, share) in words]
            )
        return predictions(rows, entities)

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
    texts, gold = [], []
    for text, entities in zip(train["text"], train["entities"].to_list(), strict=True):
        read = Aligned(text, folded)
        texts.append(read.text)
        gold.append({(*read.forth(start, end), kind) for start, end, kind in key(entities)})
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for text, entities in zip(texts, gold, strict=True):
        for start, end, kind in entities:
            counts[text[start:end]][kind] += 1
    # Ties by name: a set has no order that would be the same in every run.
    chosen = {
        word: min(of_word.items(), key=lambda item: (-item[1], item[0])) for word, of_word in counts.items()
    }
    scanner = DictionaryBaseline(dict.fromkeys(sorted(chosen), ()), {})
    met, right = Counter[str](), Counter[str]()
    for text, entities in zip(texts, gold, strict=True):
        for start, end in scanner.places(text):
            word = text[start:end]
            met[word] += 1
            right[word] += (start, end, chosen[word][0]) in entities
    return {word: (*chosen[word], right[word] / max(1, met[word])) for word in scanner.words}
