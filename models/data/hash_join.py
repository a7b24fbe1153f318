"""Rows that share a hash, found on disk: they are shared out to files by it, and the files gone through one by one."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models.data.signatures import NONE, Hashes

TOGETHER = 1 << 19
"""Hashes that are sorted at once."""
_HASHED = np.dtype([("hash", "<u8"), ("place", "<i8")])


def met(hashes: Iterable[Hashes], total: int, work: Path) -> tuple[np.ndarray, np.ndarray]:
    """All of `pairs`, the later rows in order."""
    with TemporaryDirectory(dir=work) as folder:
        found = [(NONE, NONE), *pairs(hashes, total, Path(folder))]
    first, other = (np.concatenate([pair[side] for pair in found]) for side in (0, 1))
    order = np.argsort(other)
    return first[order], other[order]


def pairs(hashes: Iterable[Hashes], total: int, folder: Path) -> Iterator[Hashes]:
    """Rows that have the hash of an earlier one, which is the first that has it; some at a time.

    Args:
        total: about how many hashes there are, at most.
        folder: for files on their way.
    """
    paths = [folder / f"hashes-{number}" for number in range(-(-total // TOGETHER))]
    for found, places in hashes:
        records = np.empty(len(found), dtype=_HASHED)
        records["hash"], records["place"] = found, places
        share_out(records, found >> np.uint64(32), paths)
    for path in paths:
        records = taken(path, _HASHED)
        order = np.argsort(records["hash"], kind="stable")  # of rows with one hash the first stays the first
        found, places = records["hash"][order], records["place"][order]
        del records, order
        is_first = np.ones(len(found), dtype=bool)
        np.not_equal(found[1:], found[:-1], out=is_first[1:])
        starts, later = np.flatnonzero(is_first), np.flatnonzero(~is_first)
        yield places[starts[np.searchsorted(starts, later) - 1]], places[later]


def share_out(records: np.ndarray, numbers: np.ndarray, paths: Sequence[Path]) -> None:
    """Appends each record to one of the files, by its number."""
    if not paths:
        return
    targets = numbers % len(paths)
    order = np.argsort(targets, kind="stable")
    records, edges = records[order], np.searchsorted(targets[order], np.arange(len(paths) + 1))
    for path, (first, last) in zip(paths, pairwise(edges), strict=True):
        if first < last:
            with path.open("ab") as file:
                records[first:last].tofile(file)


def taken(path: Path, kind: np.dtype) -> np.ndarray:
    """The records that were written to a file, which goes."""
    if not path.exists():
        return np.empty(0, dtype=kind)
    found = np.fromfile(path, dtype=kind)
    path.unlink()
    return found
