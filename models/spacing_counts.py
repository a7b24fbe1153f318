"""How often a space stands between given letters: the baseline of word spacing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import polars as pl

from models.spaces import spaced, spaces, unspaced

COUNTS = "counts.json"
AROUND = ((0, 0), (1, 1), (2, 1), (2, 2), (3, 2))
"""Letters before and after a gap that are looked at, each pair with more than the one before."""
STRENGTHS = (0.5, 2.0, 8.0)
"""Gaps that the share of fewer letters counts as, beside those counted with more: validation chooses."""


class SpacingCounts:
    """The share of gaps with a space among those between the same letters.

    Where few have been seen between many letters, those between fewer count more: each share has a Dirichlet
    prior around the one of fewer letters (MacKay & Peto, A Hierarchical Dirichlet Language Model, 1995).
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
