"""What repeats in a corpus over all its shards, found from signatures alone, whatever their number.

A row's place is its number when the shards are read one after another. What may meet is sorted into files by a hash,
and the files are gone through one by one: memory holds one of them, a byte for each row, and a few for each that may
have a like.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as parquet
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from models.data.cleaning import CleanConfig
from models.data.duplicates import BANDS, SKETCH, SKETCHED, bands, near

REPEATS = {"place": pl.Int64, "of": pl.Int64, "reason": pl.String}
"""A row to take out, and the earlier one, which is kept, that it repeats."""
TOGETHER = 1 << 20
"""Hashes that are sorted at once."""
FAMILIES = 1 << 14
"""Sketches that are compared at once; more only where one text is like so many others."""

NONE = np.empty(0, dtype=np.int64)
"""No places."""
_HASHED = np.dtype([("hash", "<u8"), ("place", "<i8")])

Hashes = tuple[np.ndarray, np.ndarray]
"""Hashes, and the places of their rows."""


def repeats(
    shards: Sequence[Path], cleaned: CleanConfig | None, work: Path, but: np.ndarray = NONE
) -> pl.DataFrame:
    """Every row that repeats an earlier one that is kept, in order: as if they were read one by one.

    Those at the places `but`, which are in order, count for nothing.
    """
    if cleaned is None:
        return pl.DataFrame(schema=REPEATS)
    first = other = np.empty(0, dtype=np.int64)
    if cleaned.exact_duplicates:
        first, other = _met(_hashes(shards, "hash", but), _rows(shards), work)
    place, of = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if cleaned.near_duplicates is not None:
        place, of = _alike(shards, np.union1d(other, but), cleaned.near_duplicates, work)
    # The text of a row that goes for its likeness is gone, too, where it stands again.
    at, goes = _found(first, place)
    kinds = np.concatenate(
        [np.full(len(place), "near_duplicate"), np.where(goes, "near_duplicate", "exact_duplicate")]
    )
    earlier = np.concatenate([of, np.where(goes, of[at], first) if len(of) else first])
    found = {"place": np.concatenate([place, other]), "of": earlier, "reason": kinds}
    return pl.DataFrame(found, schema=REPEATS).sort("place")


def ambiguous(shards: Sequence[Path], work: Path, but: np.ndarray = NONE) -> np.ndarray:
    """The places of rows whose id stands in several files, in order; those at the places `but` count for nothing."""
    first, other = _met(_hashes(shards, "id", but), _rows(shards), work)
    return np.unique(np.concatenate([first, other]))


def again(pieces: Sequence[Path], column: str, work: Path, but: np.ndarray = NONE) -> np.ndarray:
    """The places, in order, of rows whose `id`, or the `hash` of whose text, stands earlier in the pieces of a file."""
    return _met(_hashes(pieces, column, but), _rows(pieces), work)[1]


def _alike(
    shards: Sequence[Path], gone: np.ndarray, threshold: float, work: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are like an earlier one that is kept, and that one; those at the places `gone` count for nothing.

    Two texts can be alike only where they share a band. What hangs together by that is a family: families are compared
    each by itself.
    """

    def banded() -> Iterator[Hashes]:
        for places, sketches in _sketches(shards, gone):
            yield bands(sketches).ravel(), np.repeat(places, BANDS)

    rows = _rows(shards)
    with TemporaryDirectory(dir=work) as folder:
        members, family = _families(_pairs(banded(), BANDS * rows, Path(folder)), rows, Path(folder))
        paths = [Path(folder) / f"family-{number}" for number in range(-(-len(members) // FAMILIES))]
        for places, sketches in _sketches(shards, gone):
            at, inside = _found(places, members)
            records = np.empty(inside.sum(), dtype=SKETCHED)
            records["place"], records["sketch"] = places[inside], sketches[inside]
            _shared_out(records, family[at[inside]], paths)
        pairs = np.concatenate(
            [
                near(np.empty(0, SKETCHED), threshold),
                *(near(_read(path, SKETCHED), threshold) for path in paths),
            ]
        )
    pairs = pairs[np.argsort(pairs[:, 0])]
    return pairs[:, 0], pairs[:, 1]


def _families(pairs: Iterable[Hashes], rows: int, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Those of so many rows that stand in pairs, in order, and a number for all that each hangs together with."""
    paired, path = np.zeros(rows, dtype=bool), folder / "pairs"
    with path.open("wb") as file:
        for pair in pairs:
            both = np.stack(pair, axis=1)
            paired[both] = True
            both.tofile(file)
    members = np.flatnonzero(paired)
    family = np.arange(len(members), dtype=np.int32)
    with path.open("rb") as file:
        while len(both := np.fromfile(file, dtype=np.int64, count=2 * TOGETHER)):
            family = _joined(family, family[np.searchsorted(members, both)].reshape(-1, 2))
    return members, family


def _joined(family: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Families of which those that stand in pairs are one, called as the first of them was."""
    names, ends = np.unique(pairs, return_inverse=True)
    ends = ends.reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), dtype=bool), (ends[:, 0], ends[:, 1])), shape=(len(names),) * 2)
    _, together = connected_components(graph, directed=False)
    _, first = np.unique(together, return_index=True)
    renamed = np.arange(len(family), dtype=family.dtype)
    renamed[names] = names[first][together]
    return renamed[family]


def _met(hashes: Iterable[Hashes], total: int, work: Path) -> tuple[np.ndarray, np.ndarray]:
    """All of `_pairs`, the later rows in order."""
    with TemporaryDirectory(dir=work) as folder:
        pairs = [*_pairs(hashes, total, Path(folder))]
    empty = [np.empty(0, dtype=np.int64)]
    first, other = (np.concatenate([*(pair[side] for pair in pairs), *empty]) for side in (0, 1))
    order = np.argsort(other)
    return first[order], other[order]


def _pairs(hashes: Iterable[Hashes], total: int, folder: Path) -> Iterator[Hashes]:
    """Rows that have the hash of an earlier one, which is the first that has it; some at a time."""
    paths = [folder / f"hashes-{number}" for number in range(-(-total // TOGETHER))]
    for found, places in hashes:
        records = np.empty(len(found), dtype=_HASHED)
        records["hash"], records["place"] = found, places
        _shared_out(records, found >> np.uint64(32), paths)
    for path in paths:
        records = _read(path, _HASHED)
        records = records[np.lexsort((records["place"], records["hash"]))]
        starts = np.flatnonzero(np.diff(records["hash"], prepend=records["hash"][:1] + np.uint64(1)) != 0)
        sizes = np.diff(starts, append=len(records))
        first = np.repeat(records["place"][starts], sizes)
        yield first[first != records["place"]], records["place"][first != records["place"]]


def _shared_out(records: np.ndarray, numbers: np.ndarray, paths: Sequence[Path]) -> None:
    """Appends each record to one of the files, by its number."""
    if not paths:
        return
    targets = numbers % len(paths)
    for target in np.unique(targets):
        with paths[int(target)].open("ab") as file:
            records[targets == target].tofile(file)


def _read(path: Path, kind: np.dtype) -> np.ndarray:
    """What was written to a file, which goes."""
    if not path.exists():
        return np.empty(0, dtype=kind)
    found = np.fromfile(path, dtype=kind)
    path.unlink()
    return found


def _found(values: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where values stand in others that are in order, and which of them do."""
    at = np.searchsorted(among, values)
    at[at == len(among)] = 0
    return at, among[at] == values if len(among) else np.zeros(len(values), dtype=bool)


def _rows(shards: Sequence[Path]) -> int:
    return sum(parquet.read_metadata(folder / "signatures.parquet").num_rows for folder in shards)


def _hashes(shards: Sequence[Path], column: str, but: np.ndarray) -> Iterator[Hashes]:
    for start, table in _tables(shards, column):
        places = start + np.arange(table.num_rows)
        keep = ~_found(places, but)[1]
        yield table[column].to_numpy()[keep], places[keep]


def _sketches(shards: Sequence[Path], but: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The places of rows that have a sketch, and these; those in `but`, which is in order, are left out."""
    for start, table in _tables(shards, "sketch"):
        there = np.flatnonzero(table["sketch"].is_valid().to_numpy())
        values = pa.concat_arrays(table["sketch"].drop_null().chunks) if len(there) else None
        if values is not None:
            sketches = np.frombuffer(values.buffers()[2], dtype="<u4", count=len(there) * SKETCH)
            keep = ~_found(start + there, but)[1]
            yield start + there[keep], sketches.reshape(-1, SKETCH)[keep]


def _tables(shards: Sequence[Path], column: str) -> Iterator[tuple[int, pa.Table]]:
    """A column of all signatures, some rows at a time, with the place of the first."""
    start = 0
    for folder in shards:
        with parquet.ParquetFile(folder / "signatures.parquet") as file:
            for batch in file.iter_batches(_AT_ONCE, columns=[column]):
                yield start, pa.Table.from_batches([batch])
                start += batch.num_rows


_AT_ONCE = 1 << 14
