"""Documents become packed sequences of tokens, streamed to Arrow with flat memory.

A document is framed by the tokenizer's first and last special token (`[CLS] … [SEP]`). One that is longer than
a sequence is cut into pieces, none of it lost. Several short ones share a sequence; `lengths` says where each
ends, so that none ever sees another, unless `across_documents` asks for it. `bytes` says how much text each stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pydantic import Field

from models.config import Config
from models.errors import DataError
from models.tokens.special import frame
from models.tokens.tokenizer import backend_of

if TYPE_CHECKING:  # transformers takes seconds to import, and recipes load this module
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

OPEN = 32
"""Sequences kept open at a time: more would fill them little better."""
ROWS = 2048
"""Sequences in one Arrow record batch."""
COLUMNS = ("input_ids", "lengths", "bytes")
SCHEMA = pa.schema([(name, pa.list_(pa.int32())) for name in COLUMNS])


class EncodeConfig(Config):
    """How text becomes sequences."""

    sequence_length: int = Field(
        default=128,
        ge=8,
        description="Most tokens in a sequence, [CLS] and [SEP] included; longer texts are cut into pieces.",
    )
    across_documents: bool = Field(
        default=False,
        description="Whether a sequence is read as one text, so that a document sees those before it in the sequence.",
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """A framed document, or a part of one.

    Attributes:
        ids: its tokens.
        size: bytes of the text they stand for, in UTF-8.
    """

    ids: list[int]
    size: int

    def __len__(self) -> int:
        return len(self.ids)


@dataclass
class Counts:
    """What went in and what came out; `tokens` counts the framing too."""

    documents: int = 0
    empty: int = 0
    cut: int = 0
    pieces: int = 0
    tokens: int = 0
    sequences: int = 0


def write(
    batches: Iterable[list[str]],
    tokenizer: PreTrainedTokenizerBase,
    config: EncodeConfig,
    path: Path,
    on_progress: Callable[[int], None] = lambda documents: None,
) -> dict[str, int]:
    """Tokenizes, packs and writes texts as an Arrow IPC stream that `datasets.Dataset.from_file` reads.

    Returns:
        `Counts` as a dictionary.

    Raises:
        DataError: the tokenizer has no frame, or not one text has a token.
    """
    counts = Counts()
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, SCHEMA) as stream:
        rows: list[list[Piece]] = []
        pieces = _pieces(batches, tokenizer, config.sequence_length, counts, on_progress)
        for row in pack(pieces, config.sequence_length):
            rows.append([_joined(row)] if config.across_documents else row)
            if len(rows) == ROWS:
                stream.write_batch(_record_batch(rows, counts))
                rows = []
        if rows:
            stream.write_batch(_record_batch(rows, counts))
    if not counts.pieces:
        raise DataError(
            f"none of the {counts.documents} texts has a token: the corpus part for {path.stem} is empty"
        )
    return asdict(counts)


def pack(pieces: Iterable[Piece], sequence_length: int) -> Iterator[list[Piece]]:
    """First fit: each piece goes, whole, into the first of the open sequences that has room for it.

    Yields:
        The pieces of a sequence; together at most `sequence_length` tokens.
    """
    rooms: list[int] = []
    rows: list[list[Piece]] = []
    for piece in pieces:
        size = len(piece)
        place = next((place for place, room in enumerate(rooms) if room >= size), None)
        if place is None:
            if len(rows) == OPEN:
                fullest = min(range(OPEN), key=rooms.__getitem__)
                rooms.pop(fullest)
                yield rows.pop(fullest)
            place = len(rows)
            rooms.append(sequence_length)
            rows.append([])
        rooms[place] -= size
        rows[place].append(piece)
    yield from rows


@dataclass(frozen=True)
class Documents:
    """Every document of a packed file: `ids[starts[i] : starts[i] + lengths[i]]` is the i-th, framed.

    Attributes:
        ids: (tokens,) int32.
        starts: (documents,) int64.
        lengths: (documents,) int64.
        sizes: (documents,) int64, bytes of text.
    """

    ids: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    sizes: np.ndarray

    @property
    def tokens(self) -> int:
        return int(self.lengths.sum())

    @property
    def size(self) -> int:
        """Bytes of text in all."""
        return int(self.sizes.sum())


def read(path: Path) -> Documents:
    """The documents of a file that `write` has written."""
    with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as stream:
        batches = list(stream)
    ids, lengths, sizes = (
        np.concatenate([batch.column(name).flatten().to_numpy() for batch in batches]) for name in COLUMNS
    )
    lengths = lengths.astype(np.int64)
    return Documents(ids, np.cumsum(lengths) - lengths, lengths, sizes.astype(np.int64))


def _joined(pieces: list[Piece]) -> Piece:
    return Piece([token for piece in pieces for token in piece.ids], sum(piece.size for piece in pieces))


def _pieces(
    batches: Iterable[list[str]],
    tokenizer: PreTrainedTokenizerBase,
    sequence_length: int,
    counts: Counts,
    on_progress: Callable[[int], None],
) -> Iterator[Piece]:
    """Framed pieces of at most `sequence_length` tokens, in the order of the text."""
    (first, *_), last = frame(tokenizer)
    backend = backend_of(tokenizer)
    backend.no_truncation()
    backend.encode_special_tokens = True  # a text that says "[MASK]" means these six characters
    room = sequence_length - 2
    for batch in batches:
        for text, encoding in zip(
            batch, backend.encode_batch_fast(batch, add_special_tokens=False), strict=True
        ):
            ids = encoding.ids
            counts.empty += not ids
            counts.cut += len(ids) > room
            starts = range(0, len(ids), room)
            for start, size in zip(starts, _sizes(text, backend, starts), strict=True):
                yield Piece([first, *ids[start : start + room], last], size)
        counts.documents += len(batch)
        on_progress(counts.documents)


def _sizes(text: str, backend: Tokenizer, starts: range) -> list[int]:
    """Bytes of the text of each piece, from the token it starts with to the next piece's; together all of the text."""
    if len(starts) < 2:
        return [len(text.encode())] * len(starts)
    offsets = backend.encode(text, add_special_tokens=False).offsets
    cuts = [0, *(offsets[start][0] for start in starts[1:]), len(text)]
    return [len(text[begin:end].encode()) for begin, end in pairwise(cuts)]


def _record_batch(rows: list[list[Piece]], counts: Counts) -> pa.RecordBatch:
    ids = [[token for piece in row for token in piece.ids] for row in rows]
    lengths = [[len(piece) for piece in row] for row in rows]
    sizes = [[piece.size for piece in row] for row in rows]
    counts.sequences += len(rows)
    counts.pieces += sum(len(row) for row in lengths)
    counts.tokens += sum(len(row) for row in ids)
    columns = [pa.array(values, pa.list_(pa.int32())) for values in (ids, lengths, sizes)]
    return pa.record_batch(columns, schema=SCHEMA)
