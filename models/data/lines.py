"""The lines of a file, whatever packs it, encodes it and ends its lines; none is lost.

Lines count from 1. A line keeps its end, which may stand inside a quoted field. A few packed bytes can stand for
gigabytes: of a line longer than `LONGEST` the beginning is given, marked so that `undecodable` knows it.
"""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, AnyStr, BinaryIO

from models.data.packed import Broken, opened
from models.data.records import Rejected
from models.errors import DataError

UTF8 = "utf-8"
SAMPLE = 1 << 18
"""Bytes of a file that are looked at before it is read."""
LONGEST = 1 << 26
"""Bytes of a line, 64 MB; in encodings of several bytes a letter, letters."""
LARGEST = 1 << 30
"""Characters of a file that is read in one piece."""
_KEPT = 200
_CUT, _CUT_TEXT = b"\xff", "\udfff"
"""What a line that is too long ends with: no character of UTF-8, and half a character that no decoding gives."""


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """A file's lines, with their ends; a byte-order mark is left out.

    Raises:
        DataError: a packed file breaks off or is damaged in the middle, with the line reached.
    """
    number = 0
    try:
        with opened(path) as file:
            for number, raw in enumerate(_split(file), start=1):
                yield number, _unmarked(raw) if number == 1 else raw
    except Broken as error:
        raise DataError(f"{path.name}, line {number + 1}: {error}; fetch or pack it again") from error


def text_lines(path: Path, encoding: str = UTF8) -> Iterator[tuple[int, str]]:
    """A file's lines as text. Bytes that are no characters of the encoding stand there as lone surrogates, as
    `undecodable` finds them.

    Raises:
        DataError: see `lines`; or a file in UTF-16 or UTF-32 breaks off inside a character.
    """
    if not ends_with_a_byte(encoding):
        yield from _wide_lines(path, encoding)
        return
    for number, raw in lines(path):
        if isinstance(raw, _Cut):
            yield number, raw.removesuffix(_CUT).decode(encoding, "surrogateescape") + _CUT_TEXT
        else:
            yield number, raw.decode(encoding, "surrogateescape")


def whole_text(path: Path, encoding: str = UTF8) -> str:
    """All of a file as one text.

    Raises:
        DataError: it is too large for that, or see `text_lines`.
    """
    read, length = [], 0
    for _, line in text_lines(path, encoding):
        length += len(line)
        if length > LARGEST or line.endswith(_CUT_TEXT):
            raise DataError(
                f"{path.name}: too large to be read in one piece (lines of {LONGEST >> 20} MB, {LARGEST >> 20} MB in "
                "all); split it, or write a row a line"
            )
        read.append(line)
    return "".join(read)


def _unmarked(raw: bytes) -> bytes:
    """A line without a byte-order mark; one without it stays the very object."""
    return raw.removeprefix(codecs.BOM_UTF8) if raw.startswith(codecs.BOM_UTF8) else raw


class _Cut(bytes):
    """The beginning of a line that is too long."""


def undecodable(path: Path, number: int, text: str, encoding: str) -> Rejected | None:
    """The rejection of a line with bytes that are no characters, or that is too long; None where all is well."""
    if _CUT_TEXT in text:
        begin = text.partition(_CUT_TEXT)[0]
        return Rejected(path.name, number, "", f"longer than {LONGEST >> 20} MB", f"{shown(begin)} …")
    try:
        text.encode(UTF8)
    except UnicodeEncodeError:
        return Rejected(path.name, number, "", f"not {encoding.upper()}", shown(text))
    return None


def shown(text: str) -> str:
    """A line without its end, as it can be stored: bytes that are no characters as `\\xff`."""
    return text.rstrip("\r\n").encode(UTF8, "surrogateescape").decode(UTF8, "backslashreplace")


def ends_with_a_byte(encoding: str) -> bool:
    """Whether lines of this encoding can be told apart by a byte: of UTF-16 and UTF-32 they cannot."""
    return len("\n".encode(encoding)) == 1


def _split(file: BinaryIO) -> Iterator[bytes]:
    """Lines by their line feeds, or by carriage returns where these are more, as in files of old Macs."""
    begin = file.read(SAMPLE)
    file.seek(0)
    if begin.count(b"\r") - begin.count(b"\r\n") <= begin.count(b"\n"):
        for line in _bounded(file):
            yield line if len(line) < LONGEST or line.endswith(b"\n") else _Cut(line[:_KEPT] + _CUT)
        return
    left = b""
    while chunk := file.read(SAMPLE):
        *whole, left = (left + chunk).split(b"\r")
        yield from (line + b"\n" if len(line) < LONGEST else _Cut(line[:_KEPT] + _CUT) for line in whole)
        left = left[:LONGEST]
    if left:
        yield left if len(left) < LONGEST else _Cut(left[:_KEPT] + _CUT)


def _bounded(file: IO[AnyStr]) -> Iterator[AnyStr]:
    """Lines with their ends; of one that is too long the first `LONGEST`, without an end."""
    while line := file.readline(LONGEST):
        yield line
        while len(line) == LONGEST and line[-1:] not in (b"\n", "\n"):
            line = file.readline(LONGEST)  # passed over


def _wide_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with io.TextIOWrapper(opened(path), encoding, newline="\n") as file:  # type: ignore[type-var]
            for number, line in enumerate(_bounded(file), start=1):
                whole = len(line) < LONGEST or line.endswith("\n")
                text = line if whole else line[:_KEPT] + _CUT_TEXT
                yield number, text.removeprefix("\ufeff") if number == 1 else text
    except UnicodeError as error:
        raise DataError(f"{path.name}, line {number + 1}: not {encoding.upper()} ({error})") from error
    except Broken as error:
        raise DataError(f"{path.name}, line {number + 1}: {error}; fetch or pack it again") from error
