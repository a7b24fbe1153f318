"""Which encoding a file is written in, and whether it is packed or of another program: found before it is read."""

import codecs
import re
from pathlib import Path

from models.data.lines import SAMPLE, UTF8, ends_with_a_byte
from models.data.packed import PACKINGS, Broken, opened
from models.data.workbooks import is_workbook
from models.errors import RecipeError

FAR = 64 * 1024 * 1024
"""Bytes that are looked through for the first that is not ASCII."""
_FORMS = {
    b"PK\x03\x04": "a zip archive: unpack it, or where it is a workbook of another program, save its sheet as CSV",
    b"\xd0\xcf\x11\xe0": "a file of an old Excel or Word: save it as CSV or as text",
    **{item.mark: f"packed twice, with {item.name} inside: unpack it once" for item in PACKINGS},
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
    b"Rar!\x1a": "a rar archive: unpack it",
    b"%PDF-": "a PDF: save its text",
    b"SQLite format 3\x00": "an SQLite database: export its table as CSV",
}
"""How files begin that cannot be read here, with what to do."""
_TAR, _TAR_AT = b"ustar", 257
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HANGUL = re.compile("[\uac00-\ud7a3\u3131-\u318e]")
"""Its syllables, and its letters alone."""
_FOREIGN = re.compile(rb"[\x80-\xff]+")


def check_form(path: Path) -> None:
    """Finds a file that is packed, or that only another program can read, whatever it is called.

    Raises:
        RecipeError: saying what it is.
    """
    if is_workbook(path):
        raise RecipeError(f"{path} is a workbook of Excel: set format: xlsx in its source")
    begin, _ = _looked_at(path, far=False)
    what = next((what for mark, what in _FORMS.items() if begin.startswith(mark)), None)
    if begin[_TAR_AT:].startswith(_TAR):
        what = "a tar archive: unpack it"
    if what is not None:
        raise RecipeError(f"{path} is {what}")


def check_encoding(path: Path, encoding: str, settable: bool = True) -> None:
    """Finds a file that is written in another encoding, by its first lines that are not plain ASCII.

    Some lines that cannot be read are dirt, and are set aside when it is read; most of them are another encoding.

    Args:
        path: the file.
        encoding: what it is read in.
        settable: whether its source has a setting for it.

    Raises:
        RecipeError: naming the encoding that it looks like.
    """
    meant = _meant(path, encoding)
    if meant is None:
        return
    looks = f"; it looks like {meant}" if meant else ""
    setting = f"encoding: {meant or 'NAME'}"
    remedy = f"set {setting} in its source, or save it as UTF-8"
    if not settable:
        remedy = f"save it as UTF-8, or read it with the source 'files' and {setting}"
    raise RecipeError(f"{path} is not {encoding.upper()}{looks}: {remedy}")


def likely_encoding(path: Path) -> str:
    """What a file seems to be written in: UTF-8, where nothing speaks against it."""
    return _meant(path, UTF8) or UTF8


def _meant(path: Path, encoding: str) -> str | None:
    """The encoding that a file seems to be in: None where that is `encoding`, "" where it is not known."""
    begin, sample = _looked_at(path)
    found = _by_its_begin(begin, encoding)
    return guessed(sample, encoding) if found is None else found


def _looked_at(path: Path, far: bool = True) -> tuple[bytes, bytes]:
    """The begin of a file, and `SAMPLE` bytes and more from where the first is that is not ASCII."""
    begin = sample = b""
    try:
        with opened(path) as file:
            begin = sample = file.read(SAMPLE)
            done = len(begin)
            while far and sample.isascii() and done < FAR and (chunk := file.read(SAMPLE)):
                sample, done = chunk, done + len(chunk)
            sample += file.read(SAMPLE) if far else b""
    except Broken:
        pass  # reading it names the line
    return begin, sample


def _by_its_begin(begin: bytes, encoding: str) -> str | None:
    """The encoding of several bytes a letter that a file begins in, where `encoding` is none."""
    if not ends_with_a_byte(encoding):
        return None
    mark = next((name for mark, name in _MARKS if begin.startswith(mark)), None)
    if mark is not None:
        return mark
    if begin[:1000].count(0) > len(begin[:1000]) // 4:
        return "utf-16-le" if begin[1::2].count(0) > begin[::2].count(0) else "utf-16-be"
    return None


def guessed(sample: bytes, encoding: str) -> str | None:
    """The encoding that bytes seem to be in: None where that is `encoding`, "" where it is not known."""
    if not ends_with_a_byte(encoding):
        return None
    foreign = [line for line in re.split(rb"[\r\n]+", sample) if not line.isascii()]
    if not foreign:
        return None
    is_utf8 = all(_decoded(line, UTF8) is not None for line in foreign)
    if is_utf8 and not encoding.lower().startswith("utf"):
        return UTF8
    bad = [line for line in foreign if _decoded(line, encoding) is None]
    if len(bad) * 2 <= len(foreign):
        return None
    if _is_western(bad):
        return "cp1252"
    if _is_korean(bad):
        return "cp949"
    for name in ("utf-16-le", "utf-16-be"):
        if (text := _decoded(sample, name)) and _hangul(text) > 0.7:
            return name
    return ""


def _is_korean(lines: list[bytes]) -> bool:
    """CP949, of which EUC-KR is a part."""
    texts = [text for line in lines if (text := _decoded(line, "cp949")) is not None]
    return len(texts) > 0.9 * len(lines) and _hangul("".join(texts)) > 0.75


def _is_western(lines: list[bytes]) -> bool:
    """CP1252, in which letters beyond ASCII stand alone between others."""
    runs = [run for line in lines for run in _FOREIGN.findall(line)]
    alone = sum(len(run) == 1 for run in runs)
    return alone > 0.7 * len(runs) and all(_decoded(line, "cp1252") is not None for line in lines)


def _hangul(text: str) -> float:
    """Of the letters that are not ASCII, the share of Hangul."""
    return len(_HANGUL.findall(text)) / max(1, sum(not letter.isascii() for letter in text))


def _decoded(raw: bytes, encoding: str) -> str | None:
    """What bytes say, without a letter that is cut at their end; None where they are not of this encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(raw, final=False)
    except UnicodeDecodeError:
        return None
