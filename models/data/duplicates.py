"""Duplicates inside a corpus: exact ones by a hash of the normal form, near ones by MinHash."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
import polars as pl
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] - compiled

SHINGLE = 5
"""Characters of a shingle: about two Korean words' stems, so that endings alone do not make texts alike."""
SKETCH = 64
"""Values of a MinHash sketch; the similarity of two texts is known to about 0.04 at 0.9 (one standard deviation)."""
BANDS = 8
"""Bands of the locality-sensitive index: 99 % of pairs at 0.9 are met, 15 % of pairs at 0.7 and then refused."""
SEED = 1

SIGNATURES = {"hash": pl.UInt64, "id": pl.UInt64, "sketch": pl.Binary}
"""Columns of signatures.parquet, a row for each of rows.parquet: what stands for the text's normal form and for the
id, and the sketch of a text that is long enough for one."""


def hashed(text: str) -> int:
    """64 bits that stand for a text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def sketches(texts: Sequence[str], minimum: int) -> list[bytes | None]:
    """A sketch of each text in its normal form; None for those of fewer characters than `minimum`."""
    long = [index for index, text in enumerate(texts) if len(text) >= minimum]
    made = RMinHash.digests_from_token_sets([shingles(texts[index]) for index in long], SKETCH, SEED)
    found: list[bytes | None] = [None] * len(texts)
    for index, values in zip(long, np.array(made, dtype="<u4").reshape(-1, SKETCH), strict=True):
        found[index] = values.tobytes()
    return found


def shingles(text: str) -> list[str]:
    """All runs of `SHINGLE` characters of `text`, which has at least as many."""
    return [text[start : start + SHINGLE] for start in range(len(text) - SHINGLE + 1)]


class Near:
    """Texts that are kept, by their sketches; a text is near one that shares a band and enough of its values."""

    def __init__(self, threshold: float) -> None:
        self._enough = threshold * SKETCH
        self._bands: dict[bytes, list[int]] = {}
        self._kept: list[tuple[int, np.ndarray]] = []

    def first(self, number: int, sketch: bytes) -> int | None:
        """The first text that this one repeats; None for a text to keep, which is remembered."""
        values, width = np.frombuffer(sketch, dtype="<u4"), len(sketch) // BANDS
        bands = [bytes([band]) + sketch[band * width : (band + 1) * width] for band in range(BANDS)]
        for place in sorted({place for band in bands for place in self._bands.get(band, ())}):
            kept, other = self._kept[place]
            if np.count_nonzero(values == other) >= self._enough:
                return kept
        for band in bands:
            self._bands.setdefault(band, []).append(len(self._kept))
        self._kept.append((number, values))
        return None


def near(found: Iterable[tuple[int, bytes]], threshold: float) -> dict[int, int]:
    """By number, which earlier text each repeats; numbers and sketches come in order."""
    seen = Near(threshold)
    repeats = ((number, seen.first(number, sketch)) for number, sketch in found)
    return {number: first for number, first in repeats if first is not None}
