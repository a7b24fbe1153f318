"""The documents that a model learns from, in the files of many shards; on disk until a batch asks for them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from models.late import np
from models.tokens.packing import pack

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK = 65_536
"""Documents whose tokens are in memory at a time, where all are gone through."""


@dataclass(frozen=True)
class Documents:
    """Framed documents: in memory is where each lies, and its tokens only while they are asked for.

    A document is one piece of a file, or several one after the other where they share a sequence.

    Attributes:
        files: the tokens of each file, memory-mapped; (tokens,) int32.
        places: (pieces,) int32, the file that a piece is in.
        starts: (pieces,) int64, where in it.
        sizes: (pieces, 2) int32, its tokens, and bytes of text.
        first: (documents + 1,) int64, the first piece of each document, and the end.
    """

    files: Sequence[np.ndarray]
    places: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    first: np.ndarray

    @classmethod
    def apart(
        cls, files: Sequence[np.ndarray], places: np.ndarray, starts: np.ndarray, sizes: np.ndarray
    ) -> Self:
        """Every piece a document of its own."""
        return cls(files, places, starts, sizes, np.arange(len(places) + 1))

    def __len__(self) -> int:
        return len(self.first) - 1

    @cached_property
    def lengths(self) -> np.ndarray:
        """(documents,) int32, tokens of each."""
        if len(self.places) == len(self):
            return self.sizes[:, 0]
        return np.add.reduceat(self.sizes[:, 0], self.first[:-1]) if len(self) else np.zeros(0, np.int32)

    @property
    def tokens(self) -> int:
        """Tokens in all, the framing too."""
        return int(self.sizes[:, 0].sum(dtype=np.int64))

    @property
    def size(self) -> int:
        """Bytes of text in all."""
        return int(self.sizes[:, 1].sum(dtype=np.int64))

    def ids(self, chosen: np.ndarray) -> np.ndarray:
        """The tokens of documents, one after the other; int32."""
        pieces = self._pieces(chosen)
        ends = self.starts[pieces] + self.sizes[pieces, 0]
        where = zip(self.places[pieces].tolist(), self.starts[pieces].tolist(), ends.tolist(), strict=True)
        return np.concatenate([self.files[file][start:end] for file, start, end in where])

    def chunks(self) -> Iterator[np.ndarray]:
        """All documents in their order, some at a time."""
        for start in range(0, len(self), _CHUNK):
            yield np.arange(start, min(start + _CHUNK, len(self)))

    def counts(self, vocabulary: int) -> np.ndarray:
        """(vocabulary,) how often each token occurs."""
        counts = np.zeros(vocabulary, np.int64)
        for chosen in self.chunks():
            counts += np.bincount(self.ids(chosen), minlength=vocabulary)
        return counts

    def of(self, chosen: np.ndarray) -> Documents:
        """Some of the documents, in the order they are named."""
        pieces, numbers = self._pieces(chosen), np.diff(self.first)[chosen]
        first = np.concatenate([[0], np.cumsum(numbers)])
        return Documents(self.files, self.places[pieces], self.starts[pieces], self.sizes[pieces], first)

    def joined(self, sequence_length: int) -> Documents:
        """Sequences of several pieces, each read as one document."""
        order, ends = array("q"), array("q", [0])
        for row in pack(self.sizes[:, 0].tolist(), sequence_length):
            order.extend(row)
            ends.append(len(order))
        pieces, first = np.frombuffer(order, np.int64) if order else np.zeros(0, np.int64), np.array(ends)
        return Documents(self.files, self.places[pieces], self.starts[pieces], self.sizes[pieces], first)

    def _pieces(self, chosen: np.ndarray) -> np.ndarray:
        """The pieces of documents, one after the other."""
        if len(self.places) == len(self):
            return chosen
        begins, numbers = self.first[chosen], np.diff(self.first)[chosen]
        return np.repeat(begins - np.cumsum(numbers) + numbers, numbers) + np.arange(numbers.sum())


def read(shards: Iterable[tuple[Path, np.ndarray]]) -> Documents:
    """The documents of files that `packing.write` has written, in their order.

    Args:
        shards: each file, and which rows of it to read.
    """
    import pyarrow as pa  # recipes load this module, and it takes long to import

    files: list[np.ndarray] = []
    found: list[list[np.ndarray]] = [
        [np.zeros(0, np.int32)],
        [np.zeros(0, np.int64)],
        [np.zeros((0, 2), np.int32)],
    ]
    for path, rows in shards:
        with pa.memory_map(str(path)) as file:
            mapped = file.read_buffer()  # it outlives the file, which need not stay open
        for own, starts, sizes in _batches(mapped):
            kept = np.isin(own, rows)
            for column, values in zip(found[1:], (starts[kept], sizes[kept]), strict=True):
                column.append(values)
            found[0].append(np.full(int(kept.sum()), len(files), np.int32))
        files.append(np.frombuffer(mapped, np.int32))
    return Documents.apart(files, *(np.concatenate(column) for column in found))


def _batches(mapped: pa.Buffer) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each record batch: rows, where pieces start in the file, counted in tokens, and their sizes."""
    import pyarrow as pa

    with pa.ipc.open_stream(mapped) as stream:
        for batch in stream:
            ids = batch.column("input_ids")
            base = (ids.values.buffers()[1].address - mapped.address) // 4
            ends = ids.offsets.to_numpy().astype(np.int64)
            sizes = np.stack([np.diff(ends).astype(np.int32), batch.column("bytes").to_numpy()], axis=1)
            yield batch.column("row").to_numpy(), base + ends[:-1], sizes
