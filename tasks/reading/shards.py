"""Shards: what of a source is read by itself, and read anew when it alone has changed.

A file is one. A large one whose rows are lines is cut at line ends, after every so many bytes: what is added at its end
changes its last piece. Of a great many small files, neighbours are one together, and a file ends such a group where
its own content says so: a new file then changes no group but its own.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from models.config import PLUMBING, Config
from models.data.lines import SAMPLE
from models.data.packed import packing
from models.errors import DataError

MEGABYTE = 1_000_000
MANY = 128
"""Files of which each may be small and yet a shard of its own."""
SMALL = 64_000
"""Bytes of a file below which, of more files, it goes together with its neighbours."""
CHANGED = "what is read has changed since the run began; run again"
_CHUNK = 1 << 20


class Piece(Config):
    """A part of a file, from one line end to another."""

    start: int = Field(ge=0, description="Bytes of the file before it.", json_schema_extra=PLUMBING)
    end: int = Field(ge=0, description="Bytes of the file up to its end.", json_schema_extra=PLUMBING)
    line: int = Field(ge=1, description="Number of its first line.")


@dataclass(frozen=True)
class Shard:
    """What of a source is read by itself: a file, a piece of one, several small ones, or all there is."""

    source: Any
    """It, as a source."""
    name: str
    """Its file's name; a piece says which it is, of several files the first and the last are named."""
    order: tuple[str, str]
    """Where it stands among others: by its file's name and content. Pieces of a file follow each other."""
    size: int = 0
    """Bytes on the disk; 0 where they are not known before it is read."""
    packed: bool = False
    """Whether there are more of them when it is unpacked."""
    piece: Piece | None = None
    """Which of its file's lines; None for all."""


@dataclass(frozen=True)
class File:
    """A file as shards are made of it."""

    part: str
    path: Path
    name: str
    content: str
    size: int


def grouped(files: Sequence[File]) -> Iterator[tuple[File, ...]]:
    """Files in order, by themselves; of a great many, small neighbours together, about a megabyte of them."""
    group: list[File] = []
    for file in files:
        if len(files) <= MANY or file.size >= SMALL:
            if group:
                yield tuple(group)
            yield (file,)
            group = []
            continue
        group.append(file)
        if int(file.content[:8], 16) / 16**8 < file.size / MEGABYTE:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


def can_be_cut(path: Path) -> bool:
    """Whether the bytes of a file of lines stand there as they are, and its lines end with line feeds."""
    if packing(path) is not None:
        return False
    with path.open("rb") as file:
        begin = file.read(SAMPLE)
    return begin.count(b"\r") - begin.count(b"\r\n") <= begin.count(b"\n")


def pieces(path: Path, size: int) -> list[tuple[Piece, str]]:
    """A file cut into pieces of at least `size` bytes, up to the next line end, and the digest of each."""
    found, start, line = [], 0, 1
    with path.open("rb") as file:
        while True:
            digest, lines, left = hashlib.sha256(), 0, size
            while left and (chunk := file.read(min(left, _CHUNK))):
                digest.update(chunk)
                lines, left = lines + chunk.count(b"\n"), left - len(chunk)
            while not left and (rest := file.readline(_CHUNK)):
                digest.update(rest)
                if rest.endswith(b"\n"):
                    lines += 1
                    break
            if file.tell() == start:
                return found
            found.append((Piece(start=start, end=file.tell(), line=line), digest.hexdigest()))
            start, line = file.tell(), line + lines


def copied(path: Path, piece: Piece, digest: str, folder: Path) -> Path:
    """A file of the same name in a folder, with the bytes of a piece, whose digest was this one.

    Raises:
        DataError: the file has changed.
    """
    folder.mkdir(exist_ok=True)
    copy, found = folder / path.name, hashlib.sha256()
    with path.open("rb") as file, copy.open("wb") as target:
        file.seek(piece.start)
        left = piece.end - piece.start
        while left and (chunk := file.read(min(left, _CHUNK))):
            target.write(chunk)
            found.update(chunk)
            left -= len(chunk)
    if found.hexdigest() != digest:
        raise DataError(f"{path}: {CHANGED}")
    return copy
