"""The lines of a file, whatever packs it, encodes it and ends its lines; none is lost.

Lines count from 1. A line keeps its end, which may stand inside a quoted field.
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from models.data.records import Rejected
from models.errors import DataError

UTF8 = "utf-8"
SAMPLE = 1 << 18
"""Bytes of a file that are looked at before it is read."""
_GZIP = b"\x1f\x8b"


def opened(path: Path) -> BinaryIO:
    """A file's bytes, unpacked where it is gzip: its first bytes say so, not its name."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """A file's lines, with their ends; a byte-order mark is left out.

    Raises:
        DataError: a gzip file breaks off or is damaged in the middle, with the line reached.
    """
    number = 0
    try:
        with opened(path) as file:
            for number, raw in enumerate(_split(file), start=1):
                yield number, raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path.name}, line {number + 1}: the gzip file is broken here ({error}); fetch or pack it again"
        ) from error


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
        yield number, raw.decode(encoding, "surrogateescape")


def undecodable(path: Path, number: int, text: str, encoding: str) -> Rejected | None:
    """The rejection of a line with bytes that are no characters; None where it has none."""
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
        yield from file
        return
    left = b""
    while chunk := file.read(SAMPLE):
        *whole, left = (left + chunk).split(b"\r")
        yield from (line + b"\n" for line in whole)
    if left:
        yield left


def _wide_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with io.TextIOWrapper(opened(path), encoding, newline="\n") as file:  # type: ignore[type-var]
            for number, line in enumerate(file, start=1):
                yield number, line.removeprefix("\ufeff") if number == 1 else line
    except UnicodeError as error:
        raise DataError(f"{path.name}, line {number + 1}: not {encoding.upper()} ({error})") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path.name}, line {number + 1}: the gzip file is broken here ({error})") from error
