"""What repeats in a corpus over all its shards, found from signatures alone.

A row's place is its number when the shards are read one after another.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from models.data.cleaning import CleanConfig
from models.data.duplicates import near
from models.data.shards import batches

REPEATS = {"place": pl.Int64, "of": pl.Int64, "reason": pl.String}
"""A row to take out, and the earlier one, which is kept, that it repeats."""


def repeats(shards: Sequence[Path], cleaned: CleanConfig | None) -> pl.DataFrame:
    """Every row that repeats an earlier one that is kept, in order."""
    if cleaned is None:
        return pl.DataFrame(schema=REPEATS)
    hashes = np.concatenate([block for (block,) in _columns(shards, "hash")])
    places = np.arange(len(hashes))
    leaders = places
    if cleaned.exact_duplicates:
        _, first, back = np.unique(hashes, return_index=True, return_inverse=True)
        leaders = first[back]
    alike: dict[int, int] = {}
    if cleaned.near_duplicates is not None:
        sketches = (sketch for (block,) in _columns(shards, "sketch") for sketch in block)
        own = (
            (place, sketch)
            for place, sketch in enumerate(sketches)
            if sketch is not None and leaders[place] == place
        )
        alike = near(own, cleaned.near_duplicates)
    found = [
        (place, alike.get(leader, leader), "near_duplicate" if leader in alike else "exact_duplicate")
        for place, leader in enumerate(leaders.tolist())
        if leader != place or leader in alike
    ]
    return pl.DataFrame(found, schema=REPEATS, orient="row")


def ambiguous(shards: Sequence[Path]) -> np.ndarray:
    """The rows whose id stands in several files, in order."""
    ids = np.concatenate([block for (block,) in _columns(shards, "id")])
    _, back, times = np.unique(ids, return_inverse=True, return_counts=True)
    return np.flatnonzero(times[back] > 1)


def _columns(shards: Sequence[Path], *names: str) -> Iterator[list[np.ndarray]]:
    for folder in shards:
        for block in batches(folder / "signatures.parquet", names):
            yield [block[name].to_numpy() for name in names]
