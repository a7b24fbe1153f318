"""CSV and TSV files. Every line that is not blank is part of one row, good or rejected."""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from models.data.lines import UTF8, text_lines, undecodable
from models.data.records import Rejected
from models.errors import DataError

FIELD_LIMIT = 16 * 1024 * 1024
"""Longest field of a quoted file in characters; a longer one is a quote that never closes."""
FEW = 5
"""Lines that a quoted field may span before it is asked whether the lines inside are rows of their own."""


class Cells(NamedTuple):
    """The cells of a row and the lines that it stands on."""

    line: int
    lines: list[str]
    cells: list[str]


def read_delimited(
    path: Path, delimiter: str, quoting: bool, header: Sequence[str] = (), encoding: str = UTF8
) -> Iterator[tuple[int, dict[str, str]] | Rejected]:
    """Rows of a CSV or TSV file; the first line names the columns unless `header` does.

    With `quoting`, a field in double quotes may hold delimiters, doubled quotes and line ends (RFC 4180). A quote that
    is never closed, or that swallows whole rows before it is, rejects the line it stands on, and the lines after it
    are read by themselves. Without quoting a `"` is part of the text. Blank lines are no rows; columns without a name
    are left out.

    Raises:
        DataError: the line with the column names cannot be read.
    """
    names = [normalize("NFC", name) for name in header]
    for item in _rows(path, delimiter, quoting, encoding, len(names)):
        if isinstance(item, Rejected):
            if not names:
                raise DataError(
                    f"{path.name}, line {item.line}: the column names cannot be read ({item.reason})"
                )
            yield item
        elif not names:
            names = named(item.cells)
        elif len(item.cells) != len(names):
            reason = "too few columns" if len(item.cells) < len(names) else "too many columns"
            yield Rejected(path.name, item.line, "", reason, "".join(item.lines).rstrip("\r\n"))
        else:
            fields = dict(zip(names, item.cells, strict=True))
            fields.pop("", None)
            yield item.line, fields


def header(path: Path, delimiter: str, quoting: bool, encoding: str = UTF8) -> list[str]:
    """Column names in the first line of a CSV or TSV file; empty when it cannot be read."""
    for item in _rows(path, delimiter, quoting, encoding, 0):
        return [] if isinstance(item, Rejected) else named(item.cells)
    return []


def named(cells: Sequence[str]) -> list[str]:
    """Column names as they are compared: without white space around them, in one form of Unicode."""
    return [normalize("NFC", cell.strip()) for cell in cells]


def _rows(
    path: Path, delimiter: str, quoting: bool, encoding: str, columns: int
) -> Iterator[Cells | Rejected]:
    """Rows in the order of the file; `columns`: how many a row has, 0 where the first row says so."""
    source = _Lines(text_lines(path, encoding))
    while (line := source.next()) is not None:
        number, text = line
        if not text.strip():
            continue
        lines, cells = [text], text.rstrip("\r\n").split(delimiter)
        if quoting:
            cells = _parsed(source, lines, delimiter)
            if cells is None or _swallowed(lines, delimiter, columns or len(cells)):
                yield Rejected(path.name, number, "", "quotes do not match", text.rstrip("\r\n"))
                source.again(number + 1, lines[1:])
                continue
        columns = columns or len(cells)
        yield undecodable(path, number, "".join(lines), encoding) or Cells(number, lines, cells)


def _parsed(source: "_Lines", lines: list[str], delimiter: str) -> list[str] | None:
    """The cells of the row that begins in `lines`, to which those that it goes on in are added; None: its quotes do not
    match."""
    csv.field_size_limit(FIELD_LIMIT)

    def given() -> Iterator[str]:
        yield lines[0]
        while (line := source.next()) is not None:
            lines.append(line[1])
            yield line[1]

    try:
        return next(csv.reader(given(), delimiter=delimiter, strict=True))
    except csv.Error:
        return None


def _swallowed(lines: list[str], delimiter: str, columns: int) -> bool:
    """Whether a row that spans several lines has swallowed others: nearly all lines inside it are whole rows."""
    inside = lines[1:-1]
    if len(inside) < FEW or columns < 2:
        return False
    return sum(line.count(delimiter) == columns - 1 for line in inside) > 0.9 * len(inside)


class _Lines:
    """Numbered lines, some of which can be given again."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self._waiting: deque[tuple[int, str]] = deque()

    def next(self) -> tuple[int, str] | None:
        """The next line; None after the last."""
        return self._waiting.popleft() if self._waiting else next(self._lines, None)

    def again(self, number: int, lines: Sequence[str]) -> None:
        """Gives `lines`, the first of which is line `number`, before what follows."""
        self._waiting.extendleft(reversed(list(enumerate(lines, start=number))))
