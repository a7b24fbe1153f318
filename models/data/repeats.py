"""What repeats in a corpus over all its shards, whatever their number.

A row's place is its number when the shards are read one after another. What may meet is sorted into files by a hash,
and the files are gone through one by one: memory holds one of them, a byte for each row, and a few for each that may
have a like.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from models.data.cleaning import CleanConfig
from models.data.hash_join import met
from models.data.near import alike
from models.data.signatures import NONE, among, hashes, starts

REPEATS = {"place": pl.Int64, "of": pl.Int64, "reason": pl.String}
"""A row to take out, and the earlier one, which is kept, that it repeats."""


def repeats(
    shards: Sequence[Path], cleaned: CleanConfig | None, work: Path, but: np.ndarray = NONE
) -> pl.DataFrame:
    """Every row that repeats an earlier one that is kept, in order: as if they were read one by one.

    Those at the places `but`, which are in order, count for nothing.
    """
    if cleaned is None:
        return pl.DataFrame(schema=REPEATS)
    first = other = place = of = NONE
    if cleaned.exact_duplicates:
        first, other = _sharing(shards, "hash", work, but)
    if cleaned.near_duplicates is not None:
        place, of = alike(shards, np.union1d(other, but), cleaned.near_duplicates, work)
    # The text of a row that goes for its likeness is gone, too, where it stands again.
    at, goes = among(first, place)
    kinds = np.concatenate(
        [np.full(len(place), "near_duplicate"), np.where(goes, "near_duplicate", "exact_duplicate")]
    )
    earlier = np.concatenate([of, np.where(goes, of[at], first) if len(of) else first])
    found = {"place": np.concatenate([place, other]), "of": earlier, "reason": kinds}
    return pl.DataFrame(found, schema=REPEATS).sort("place")


def ambiguous(shards: Sequence[Path], work: Path, but: np.ndarray = NONE) -> np.ndarray:
    """The places of rows whose id stands in several files, in order; those at the places `but` count for nothing."""
    return np.unique(np.concatenate(_sharing(shards, "id", work, but)))


def again(pieces: Sequence[Path], column: str, work: Path, but: np.ndarray = NONE) -> np.ndarray:
    """The places, in order, of rows whose `id`, or the `hash` of whose text, stands earlier in the pieces of a file."""
    return _sharing(pieces, column, work, but)[1]


def _sharing(
    shards: Sequence[Path], column: str, work: Path, but: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The first of the rows that share a hash, and each later one, these in order."""
    return met(hashes(shards, column, but), int(starts(shards)[-1]), work)
