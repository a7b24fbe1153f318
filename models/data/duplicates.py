"""Duplicates inside a corpus: exact ones by a hash of the normal form; near ones meet by MinHash, then are compared."""

from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np
import polars as pl
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] - compiled

SHINGLE = 5
"""Characters of a shingle: about two Korean words' stems, so that endings alone do not make texts alike."""
SKETCH = 64
"""Values of a MinHash sketch."""
MET = 0.98
"""Share of the pairs just at the threshold that share a band, at least; of those above it more do."""
DOUBT = 3
"""Standard deviations below the threshold from which on a similarity that sketches show rules a pair out."""
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


def similarity(one: set[str], other: set[str]) -> float:
    """Jaccard's: the share of all shingles that both have."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def band_width(threshold: float) -> int:
    """Values of a sketch that make a band: as many as `MET` allows, so that few texts meet which are not alike."""
    # Above 0.5, where every threshold is, a width of 2 always does.
    return next(width for width in (8, 4, 2) if 1 - (1 - threshold**width) ** (SKETCH // width) >= MET)


def bands(sketches: np.ndarray, width: int) -> np.ndarray:
    """For each sketch, a hash of each of its bands."""
    words = np.ascontiguousarray(sketches).view("<u8").reshape(-1, SKETCH // width, width // 2)
    mixed = np.full(words.shape[:2], np.arange(words.shape[1]), dtype=np.uint64)
    for word in range(words.shape[2]):
        mixed = (mixed ^ words[:, :, word]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def near(records: np.ndarray, threshold: float, form: Callable[[int], str]) -> np.ndarray:
    """Pairs of places: a text, and the first kept one that it is like.

    Texts that share a band, and whose sketches do not rule it out, are compared by their shingles.

    Args:
        records: `place` and `sketch` of each text, in order.
        form: gives the normal form of the text at a place.
    """
    places, sketches = records["place"].tolist(), np.ascontiguousarray(records["sketch"])
    least = SKETCH * (threshold - DOUBT * (threshold * (1 - threshold) / SKETCH) ** 0.5)
    met: dict[int, list[int]] = {}
    found: list[tuple[int, int]] = []
    for number, own in enumerate(bands(sketches, band_width(threshold)).tolist()):
        kept = sorted({kept for band in own for kept in met.get(band, ())})
        shared = np.count_nonzero(sketches[kept] == sketches[number], axis=1) if kept else ()
        likely = [at for at, values in zip(kept, shared, strict=True) if values >= least]
        text = set(shingles(form(places[number]))) if likely else set()
        for at in likely:
            if similarity(text, set(shingles(form(places[at])))) >= threshold:
                found.append((places[number], places[at]))
                break
        else:
            for band in own:
                met.setdefault(band, []).append(number)
    return np.array(found, dtype=np.int64).reshape(-1, 2)
