"""Where the spaces of a text stand, and how often one stands between given letters: the baseline of word spacing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

COUNTS = "counts.json"
AROUND = ((0, 0), (1, 1), (2, 1), (2, 2), (3, 2))
"""Letters before and after a gap that are looked at, each pair with more than the one before."""
STRENGTHS = (0.5, 2.0, 8.0)
"""Gaps that the share of fewer letters counts as, beside those counted with more: validation chooses."""


def unspaced(text: str) -> str:
    """A text without its white space."""
    return "".join(text.split())


def spaced(letters: str, after: Iterable[Any]) -> str:
    """A text from its letters and whether a space stands after each; none ends it."""
    return "".join(letter + " " * bool(space) for letter, space in zip(letters, after, strict=True)).rstrip(
        " "
    )


def words(text: str) -> list[tuple[int, int]]:
    """Start and end of each word (half-open) among the letters that `unspaced` leaves."""
    sizes = np.array([len(word) for word in text.split()], dtype=np.int64)
    ends = np.cumsum(sizes)
    return list(zip((ends - sizes).tolist(), ends.tolist(), strict=True))


def spaces(text: str) -> np.ndarray:
    """1 for each letter of `unspaced` that a space stands after, and 0 for the others (letters,)."""
    found = np.zeros(len(unspaced(text)), dtype=np.int64)
    found[[end - 1 for _, end in words(text)[:-1]]] = 1
    return found


class SpacingCounts:
    """The share of gaps with a space among those between the same letters.

    Where few have been seen between many letters, those between fewer count more: each share is that of a Dirichlet
    prior around the next (MacKay & Peto, A Hierarchical Dirichlet Language Model, Natural Language Engineering 1, 1995).
    """

    def __init__(self, counts: Mapping[str, Sequence[int]], setting: dict[str, Any]) -> None:
        self.counts, self.setting = counts, setting

    def share(self, around: Sequence[str]) -> float:
        """How probable a space is in a gap, from what `gaps` gives of it."""
        found, strength = 0.0, self.setting["strength"]
        for key in around:
            with_space, seen = self.counts.get(key, (0, 0))
            found = (with_space + strength * found) / (seen + strength)
        return found

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        texts = []
        for letters in map(unspaced, rows["text"]):
            texts.append(spaced(letters, [self.share(around) > 0.5 for around in gaps(letters)]))
        return pl.DataFrame({"id": rows["id"], "text": pl.Series(texts, dtype=pl.String)})

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        content = {"setting": self.setting, "counts": self.counts}
        (folder / COUNTS).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        return cls(**json.loads((folder / COUNTS).read_text(encoding="utf-8")))


def gaps(letters: str) -> Iterator[list[str]]:
    """The letters around the gap after each letter, for each of `AROUND`; `\\n` stands for what is outside."""
    left, right = AROUND[-1]
    padded = "\n" * left + letters + "\n" * right
    for gap in range(left + 1, left + 1 + len(letters)):
        yield [padded[gap - before : gap + after] for before, after in AROUND]


def fit(texts: Iterable[str]) -> list[SpacingCounts]:
    """The counts of texts, for each of `STRENGTHS`."""
    seen, with_space = Counter[str](), Counter[str]()
    for text in texts:
        for around, space in zip(gaps(unspaced(text)), spaces(text).tolist(), strict=True):
            seen.update(around)
            if space:
                with_space.update(around)
    counts = {key: (with_space[key], number) for key, number in seen.items()}
    return [SpacingCounts(counts, {"strength": strength}) for strength in STRENGTHS]
