"""Texts become framed pieces of tokens, streamed to Arrow with flat memory.

A text is framed by the tokenizer's first and last special token (`[CLS] … [SEP]`). One that is longer than a sequence
is cut into pieces, none of it lost. `row` says which text a piece is of, and `bytes` how much text it stands for. Which
of them a model learns from, and whether several short ones make up a sequence, is for who reads them (`documents.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from models.config import Config
from models.tokens.special import frame, token_id
from models.tokens.tokenizer import backend_of

if TYPE_CHECKING:  # these take long to import, and recipes load this module
    import pyarrow as pa
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

ROWS = 2048
"""Pieces in one Arrow record batch."""


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

    def cutting(self) -> EncodeConfig:
        """What of it bears on the pieces: whether they share sequences is settled when they are read."""
        return EncodeConfig(sequence_length=self.sequence_length)


@dataclass(frozen=True, slots=True)
class Piece:
    """A framed text, or a part of one.

    Attributes:
        ids: its tokens.
        row: which text it is of, counted from 0.
        size: bytes of the text they stand for, in UTF-8.
    """

    ids: list[int]
    row: int
    size: int


@dataclass
class Counts:
    """What went in and what came out; `tokens` counts the framing too."""

    documents: int = 0
    empty: int = 0
    cut: int = 0
    pieces: int = 0
    tokens: int = 0
    unknown: int = 0


def write(
    batches: Iterable[list[str]],
    tokenizer: PreTrainedTokenizerBase,
    config: EncodeConfig,
    path: Path,
    on_progress: Callable[[int], None] = lambda documents: None,
) -> dict[str, int]:
    """Tokenizes texts and writes them as an Arrow IPC stream that `datasets.Dataset.from_file` reads.

    Returns:
        `Counts` as a dictionary.

    Raises:
        DataError: the tokenizer has no frame.
    """
    counts, unknown = Counts(), token_id(tokenizer, "unk")
    pieces = _pieces(batches, tokenizer, config.sequence_length, counts, on_progress)
    import pyarrow as pa

    schema = pa.schema([("input_ids", pa.list_(pa.int32())), ("row", pa.int32()), ("bytes", pa.int32())])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        for some in _batched(pieces, ROWS):
            stream.write_batch(_record_batch(some, schema))
            counts.pieces += len(some)
            counts.tokens += sum(len(piece.ids) for piece in some)
            if unknown is not None:
                counts.unknown += sum(piece.ids[1:-1].count(unknown) for piece in some)
    return asdict(counts)


def pack(lengths: Iterable[int], sequence_length: int, most_open: int = 32) -> Iterator[list[int]]:
    """First fit: each piece goes, whole, into the first of the open sequences that has room for it.

    Args:
        lengths: tokens of each piece, at most `sequence_length`.
        most_open: sequences kept open at a time: more would fill them little better.

    Yields:
        Which pieces make up a sequence; together at most `sequence_length` tokens.
    """
    rooms: list[int] = []
    rows: list[list[int]] = []
    for piece, length in enumerate(lengths):
        place = next((place for place, room in enumerate(rooms) if room >= length), None)
        if place is None:
            if len(rows) == most_open:
                fullest = min(range(most_open), key=rooms.__getitem__)
                rooms.pop(fullest)
                yield rows.pop(fullest)
            place = len(rows)
            rooms.append(sequence_length)
            rows.append([])
        rooms[place] -= length
        rows[place].append(piece)
    yield from rows


def _batched(pieces: Iterator[Piece], size: int) -> Iterator[list[Piece]]:
    while some := list(islice(pieces, size)):
        yield some


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
        encodings = backend.encode_batch_fast(batch, add_special_tokens=False)
        for row, (text, encoding) in enumerate(zip(batch, encodings, strict=True), start=counts.documents):
            ids = encoding.ids
            counts.empty += not ids
            counts.cut += len(ids) > room
            starts = range(0, len(ids), room)
            for start, size in zip(starts, _sizes(text, backend, starts), strict=True):
                yield Piece([first, *ids[start : start + room], last], row, size)
        counts.documents += len(batch)
        on_progress(counts.documents)


def _sizes(text: str, backend: Tokenizer, starts: range) -> list[int]:
    """Bytes of the text of each piece, from the token it starts with to the next piece's; together all of the text."""
    if len(starts) < 2:
        return [len(text.encode())] * len(starts)
    offsets = backend.encode(text, add_special_tokens=False).offsets
    cuts = [0, *(offsets[start][0] for start in starts[1:]), len(text)]
    return [len(text[begin:end].encode()) for begin, end in pairwise(cuts)]


def _record_batch(pieces: list[Piece], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = [
        [piece.ids for piece in pieces],
        [piece.row for piece in pieces],
        [piece.size for piece in pieces],
    ]
    return pa.record_batch(
        [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)], schema=schema
    )
