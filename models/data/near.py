"""Near duplicates over all shards of a corpus, whatever their number.

Two texts can be alike only where they share a band of their sketches. What hangs together by that is a family: families
are compared each by itself, some together, and only texts that are in one are read.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import BinaryIO

import numpy as np

from models.data import hash_join
from models.data.comparison import normal_form
from models.data.duplicates import SKETCH, SKETCHED, band_width, bands, near
from models.data.shards import batches
from models.data.signatures import Hashes, among, sketches, starts

FAMILIES = 1 << 14
"""Texts that are compared at once; more only where one is like so many others."""


def alike(shards: Sequence[Path], gone: np.ndarray, threshold: float, work: Path) -> Hashes:
    """The places, in order, of rows that are like an earlier one that is kept, and that one's; those at the places
    `gone`, which are in order, count for nothing."""
    width, rows = band_width(threshold), int(starts(shards)[-1])

    def banded() -> Iterator[Hashes]:
        for places, own in sketches(shards, gone):
            yield bands(own, width).ravel(), np.repeat(places, SKETCH // width)

    with TemporaryDirectory(dir=work) as folder, TemporaryFile(dir=work) as file:
        pairs = hash_join.pairs(banded(), SKETCH // width * rows, Path(folder))
        members, family = _families(pairs, rows, Path(folder))
        paths = [Path(folder) / f"family-{number}" for number in range(-(-len(members) // FAMILIES))]
        for places, own in sketches(shards, gone):
            at, inside = among(places, members)
            records = np.empty(inside.sum(), dtype=SKETCHED)
            records["place"], records["sketch"] = places[inside], own[inside]
            hash_join.share_out(records, family[at[inside]], paths)
        forms = Forms(shards, members, file)
        found = [near(hash_join.taken(path, SKETCHED), threshold, forms.at) for path in paths]
    like = np.concatenate([np.empty((0, 2), np.int64), *found])
    like = like[np.argsort(like[:, 0])]
    return like[:, 0], like[:, 1]


class Forms:
    """The normal forms of the texts at some places, which are in order: on disk; memory holds where each ends."""

    def __init__(self, shards: Sequence[Path], places: np.ndarray, file: BinaryIO) -> None:
        self._places, self._file = places, file
        self._ends = np.zeros(len(places) + 1, dtype=np.int64)
        for number, form in enumerate(_forms(shards, places), start=1):
            self._ends[number] = self._ends[number - 1] + file.write(form.encode())

    def at(self, place: int) -> str:
        """The form of the text at a place."""
        number = int(np.searchsorted(self._places, place))
        begin, end = self._ends[number : number + 2].tolist()
        self._file.seek(begin)
        return self._file.read(end - begin).decode()


def _forms(shards: Sequence[Path], places: np.ndarray) -> Iterator[str]:
    for folder, (start, end) in zip(shards, pairwise(starts(shards)), strict=True):
        own = places[slice(*np.searchsorted(places, (start, end)))] - start
        at = 0
        for rows in batches(folder / "rows.parquet", ("text",)) if len(own) else ():
            here = own[slice(*np.searchsorted(own, (at, at + rows.height)))] - at
            yield from map(normal_form, rows["text"][here])
            at += rows.height


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
        while len(both := np.fromfile(file, dtype=np.int64, count=2 * hash_join.TOGETHER)):
            family = _joined(family, family[np.searchsorted(members, both)].reshape(-1, 2))
    return members, family


def _joined(family: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Families of which those that stand in pairs are one, called as the first of them was."""
    from scipy.sparse import coo_array  # it takes long to import, and plans load this module
    from scipy.sparse.csgraph import connected_components

    names, ends = np.unique(pairs, return_inverse=True)
    ends = ends.reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), dtype=bool), (ends[:, 0], ends[:, 1])), shape=(len(names),) * 2)
    _, together = connected_components(graph, directed=False)
    _, first = np.unique(together, return_index=True)
    renamed = np.arange(len(family), dtype=family.dtype)
    renamed[names] = names[first][together]
    return renamed[family]
