"""Duplicates inside a corpus, found while it streams by: exact ones by hash, near ones by MinHash."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from rensa import RMinHash, RMinHashDeduplicator  # pyright: ignore[reportAttributeAccessIssue] - compiled

SHINGLE = 5
"""Characters of a shingle: about two Korean words' stems, so that endings alone do not make texts alike."""
SKETCH = 64
"""Values of a MinHash sketch; the similarity of two texts is known to about 0.04 at 0.9 (one standard deviation)."""
BANDS = 8
"""Bands of the locality-sensitive index: 99 % of pairs at 0.9 are met, 15 % of pairs at 0.7 and then refused."""
SEED = 1

Kind = Literal["exact_duplicate", "near_duplicate"]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """What a text repeats: `of` is the number of the earlier, kept text."""

    kind: Kind
    of: int


class Duplicates:
    """Every text seen so far, in its normal form, as 8-byte hashes and, for long ones, sketches; texts are not kept."""

    def __init__(self, exact: bool, near: float | None, minimum: int) -> None:
        self._exact, self._minimum = exact, minimum
        self._seen: dict[bytes, int] = {}
        self._near = RMinHashDeduplicator(near, SKETCH, True, BANDS, SEED) if near is not None else None

    def add(self, texts: Sequence[str], first: int) -> list[Duplicate | None]:
        """For each of `texts`, what it repeats, or None for a text to keep.

        Kept texts are numbered from `first` on, in order.
        """
        sketches = self._sketches(texts)
        verdicts: list[Duplicate | None] = []
        number = first
        for text, sketch in zip(texts, sketches, strict=True):
            duplicate = self._find(text, sketch)
            verdicts.append(duplicate)
            if duplicate is None:
                self._seen[_digest(text)] = number
                if sketch is not None and self._near is not None:
                    self._near.add(str(number), sketch)
                number += 1
        return verdicts

    def _find(self, text: str, sketch: RMinHash | None) -> Duplicate | None:
        of = self._seen.get(_digest(text)) if self._exact else None
        if of is not None:
            return Duplicate("exact_duplicate", of)
        if sketch is not None and self._near is not None:
            alike = self._near.get_duplicates(sketch)
            if alike:
                return Duplicate("near_duplicate", min(map(int, alike)))
        return None

    def _sketches(self, texts: Sequence[str]) -> list[RMinHash | None]:
        if self._near is None:
            return [None] * len(texts)
        long = [index for index, text in enumerate(texts) if len(text) >= self._minimum]
        made = RMinHash.from_token_sets([shingles(texts[index]) for index in long], SKETCH, SEED)
        sketches: list[RMinHash | None] = [None] * len(texts)
        for index, sketch in zip(long, made, strict=True):
            sketches[index] = sketch
        return sketches


def shingles(text: str) -> list[str]:
    """All runs of `SHINGLE` characters of `text`, which has at least as many."""
    return [text[start : start + SHINGLE] for start in range(len(text) - SHINGLE + 1)]


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()
