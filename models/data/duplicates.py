"""Duplicates inside a corpus: exact ones by a hash of the normal form, near ones by MinHash."""

from collections.abc import Sequence
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

SKETCHED = np.dtype([("place", "<i8"), ("sketch", "<u4", SKETCH)])
"""A text by its number, with its sketch."""
SIGNATURES = {"hash": pl.UInt64, "id": pl.UInt64, "characters": pl.UInt32, "sketch": pl.Binary}
"""Columns of signatures.parquet, a row for each of rows.parquet: what stands for the text's normal form and for the
id, the text's length, and the sketch of one that is long enough."""


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


def bands(sketches: np.ndarray) -> np.ndarray:
    """For each sketch, a hash of each of its bands."""
    words = np.ascontiguousarray(sketches).view("<u8").reshape(-1, BANDS, SKETCH // BANDS // 2)
    mixed = np.full(words.shape[:2], np.arange(BANDS), dtype=np.uint64)
    for word in range(words.shape[2]):
        mixed = (mixed ^ words[:, :, word]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def near(records: np.ndarray, threshold: float) -> np.ndarray:
    """Pairs of places: a text, and the first kept one that it is like, as it shares a band with it and enough values.

    Args:
        records: `place` and `sketch` of each text, in order.
    """
    met: dict[int, list[int]] = {}
    found: list[tuple[int, int]] = []
    for number, own in enumerate(bands(records["sketch"]).tolist()):
        sketch = records["sketch"][number]
        for kept in sorted({kept for band in own for kept in met.get(band, ())}):
            if np.count_nonzero(sketch == records["sketch"][kept]) >= threshold * SKETCH:
                found.append((records["place"][number], records["place"][kept]))
                break
        else:
            for band in own:
                met.setdefault(band, []).append(number)
    return np.array(found, dtype=np.int64).reshape(-1, 2)
