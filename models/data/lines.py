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
from models.errors import DataError, RecipeError

UTF8 = "utf-8"
SAMPLE = 1 << 18
"""Bytes of a file that are looked at before it is read."""
_GZIP = b"\x1f\x8b"
_PACKED = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ\x00": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
}
"""How files begin that are packed in a way that is not read here."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


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
    if not _ends_with_a_byte(encoding):
        yield from _wide_lines(path, encoding)
        return
    for number, raw in lines(path):
        yield number, raw.decode(encoding, "surrogateescape")


def undecodable(path: Path, number: int, text: str, encoding: str) -> Rejected | None:
    """The rejection of a line with bytes that are no characters; None where it has none."""
    try:
        text.encode(UTF8)
    except UnicodeEncodeError:
        shown = text.rstrip("\r\n").encode(UTF8, "surrogateescape").decode(UTF8, "backslashreplace")
        return Rejected(path.name, number, "", f"not {encoding.upper()}", shown)
    return None


def check_encoding(path: Path, encoding: str) -> None:
    """Finds a file that is written in another encoding, by its first lines that are not plain ASCII.

    Some lines that cannot be read are dirt, and are set aside when it is read; most of them are another encoding.

    Raises:
        RecipeError: naming the encoding that it looks like, or how it is packed.
    """
    with opened(path) as file:
        try:
            sample = file.read(SAMPLE)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            return  # reading it names the line
    for begin, what in _PACKED.items():
        if sample.startswith(begin):
            raise RecipeError(f"{path} is {what}: unpack it, or pack it with gzip")
    meant = guessed(sample, encoding)
    if meant is not None:
        remedy = f"set encoding: {meant} in its source, or save" if meant else "save"
        looks = f"; it looks like {meant}" if meant else ""
        raise RecipeError(f"{path} is not {encoding.upper()}{looks}: {remedy} it as UTF-8")


def guessed(sample: bytes, encoding: str) -> str | None:
    """The encoding that bytes seem to be in: None where that is `encoding`, "" where it is not known."""
    mark = next((name for begin, name in _MARKS if sample.startswith(begin)), None)
    if mark is not None and _ends_with_a_byte(encoding):
        return mark
    if not _ends_with_a_byte(encoding):
        return None
    if sample[:1000].count(0) > len(sample[:1000]) // 4:
        return "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
    whole = [line for line in sample.split(b"\n")[:-1] or [sample] if not line.isascii()]
    bad = [line for line in whole if not _decodes(line, encoding)]
    if len(bad) * 2 <= len(whole):
        return None
    joined = b"\n".join(bad)
    if encoding.lower() not in ("utf-8", "utf8") and all(_decodes(line, UTF8) for line in whole):
        return UTF8
    if _decodes(joined, "cp949") and _share(joined.decode("cp949"), "\uac00", "\ud7a3") > 0.5:
        return "cp949"
    if _decodes(joined, "cp1252") and _share(joined.decode("cp1252"), "\u00c0", "\u024f") > 0.3:
        return "cp1252"
    return ""


def _share(text: str, first: str, last: str) -> float:
    """Of the letters that are not ASCII, the share from `first` to `last`."""
    letters = [letter for letter in text if not letter.isascii()]
    return sum(first <= letter <= last for letter in letters) / max(1, len(letters))


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _ends_with_a_byte(encoding: str) -> bool:
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
