"""What the texts of shards are told apart and alike by, read from all shards some rows at a time.

A row's place is its number when the shards are read one after another.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from models.data.duplicates import SKETCH

NONE = np.empty(0, dtype=np.int64)
"""No places."""
Hashes = tuple[np.ndarray, np.ndarray]
"""Hashes, and the places of their rows."""
AT_ONCE = 1 << 14
"""Rows that are read at once."""


def starts(shards: Sequence[Path]) -> np.ndarray:
    """The place of the first row of each shard, and of the first after all."""
    sizes = [parquet.read_metadata(folder / "signatures.parquet").num_rows for folder in shards]
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def hashes(shards: Sequence[Path], column: str, but: np.ndarray = NONE) -> Iterator[Hashes]:
    """The `hash` or `id` of all rows; those at the places `but`, which are in order, are left out."""
    for start, table in _tables(shards, column):
        places = start + np.arange(table.num_rows)
        keep = ~among(places, but)[1]
        yield table[column].to_numpy()[keep], places[keep]


def sketches(shards: Sequence[Path], but: np.ndarray = NONE) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The places of rows that have a sketch, and these; those in `but`, which is in order, are left out."""
    for start, table in _tables(shards, "sketch"):
        there = np.flatnonzero(table["sketch"].is_valid().to_numpy())
        values = pa.concat_arrays(table["sketch"].drop_null().chunks) if len(there) else None
        if values is not None:
            found = np.frombuffer(values.buffers()[2], dtype="<u4", count=len(there) * SKETCH)
            keep = ~among(start + there, but)[1]
            yield start + there[keep], found.reshape(-1, SKETCH)[keep]


def among(values: np.ndarray, ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where values stand in others that are in order, and which of them do."""
    at = np.searchsorted(ordered, values)
    at[at == len(ordered)] = 0
    return at, ordered[at] == values if len(ordered) else np.zeros(len(values), dtype=bool)


def _tables(shards: Sequence[Path], column: str) -> Iterator[tuple[int, pa.Table]]:
    """A column of all signatures, some rows at a time, with the place of the first."""
    start = 0
    for folder in shards:
        with parquet.ParquetFile(folder / "signatures.parquet") as file:
            for batch in file.iter_batches(AT_ONCE, columns=[column]):
                yield start, pa.Table.from_batches([batch])
                start += batch.num_rows
