"""CSV and TSV files. Every line that is not blank is part of one row, good or rejected."""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from models.data.comparison import composed
from models.data.lines import UTF8, shown, text_lines, undecodable
from models.data.records import Rejected
from models.errors import DataError

FIELD_LIMIT = 16 * 1024 * 1024
"""Longest field of a quoted file in characters; a longer one is a quote that never closes."""
FEW = 5
"""Lines inside a quoted field of which it is enough that they look like rows to be taken for rows of their own."""
MANY = 64
"""Lines after which that is asked of a field that is still open, so that a stray quote costs little."""
CLASSES = 100
"""Different values of a column at most that tells rows from lines of a text."""
QUOTES = "quotes do not match"


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
    names = [composed(name) for name in header]
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
    return [composed(cell.strip()) for cell in cells]


def _rows(
    path: Path, delimiter: str, quoting: bool, encoding: str, columns: int
) -> Iterator[Cells | Rejected]:
    """Rows in the order of the file; `columns`: how many a row has, 0 where the first row says so."""
    source, table = _Lines(text_lines(path, encoding)), _Table(delimiter, columns)
    while (line := source.next()) is not None:
        number, text = line
        if not text.strip():
            continue
        lines, cells = [text], table.split(text)
        if quoting and '"' in text:
            cells = _parsed(source, lines, table)
            if cells is None or table.swallowed(lines, len(cells)):
                yield Rejected(path.name, number, "", QUOTES, shown(text))
                source.again(number + 1, lines[1:])
                continue
        if quoting:
            table.seen(cells)
        yield undecodable(path, number, "".join(lines), encoding) or Cells(number, lines, cells)


def _parsed(source: "_Lines", lines: list[str], table: "_Table") -> list[str] | None:
    """The cells of the row that begins in `lines`, to which those that it goes on in are added; None: its quotes do not
    match."""
    csv.field_size_limit(FIELD_LIMIT)

    def given() -> Iterator[str]:
        yield lines[0]
        again = MANY
        while (line := source.next()) is not None:
            lines.append(line[1])
            yield line[1]
            if len(lines) == again:
                if table.swallowed(lines, 0):
                    return
                again *= 2

    try:
        return next(csv.reader(given(), delimiter=table.delimiter, strict=True))
    except csv.Error:
        return None


class _Table:
    """What is known of a table's rows, by which a row that has swallowed others is told from a text of several lines.

    Attributes:
        columns: how many cells a row has; 0 before the first row.
    """

    def __init__(self, delimiter: str, columns: int) -> None:
        self.delimiter, self.columns = delimiter, columns
        self._values: list[set[str]] = [set() for _ in range(columns)]

    def split(self, line: str) -> list[str]:
        """The cells of a line without quoting."""
        return line.rstrip("\r\n").split(self.delimiter)

    def seen(self, cells: Sequence[str]) -> None:
        """Takes note of a row; the first says how many columns there are, and is not taken for values."""
        if not self.columns:
            self.columns = len(cells)
            self._values = [set() for _ in cells]
        elif len(cells) == self.columns:
            for known, cell in zip(self._values, cells, strict=True):
                if len(known) <= CLASSES:
                    known.add(cell)

    def swallowed(self, lines: Sequence[str], cells: int) -> bool:
        """Whether most lines of a row that spans several, and has so many `cells`, are rows of their own.

        Of many lines it is enough that they have as many cells as a row. Of fewer, where the quotes match and make a
        row of them, a column must also hold what it has again and again, as one of classes does. Of a few all must be
        rows. Before the column names are known, nothing is known of columns.
        """
        rows = [self.split(line) for line in lines]
        columns = self.columns or (cells if len(lines) == 2 else len(rows[0]))
        if len(lines) < 2 or columns < 2:
            return False
        inside = [row for row in rows[1:-1] if len(row) == columns]
        if len(lines) - 2 >= FEW:
            most = len(inside) > 0.9 * (len(lines) - 2)
            return most and (
                cells != columns or len(lines) > MANY or self._has_classes(inside, len(inside) // 2)
            )
        return all(len(row) == columns for row in rows) and self._has_classes(rows, 0)

    def _has_classes(self, rows: Sequence[Sequence[str]], most: int) -> bool:
        """Whether a column of `rows` holds values that it has again and again: known ones, or `most` different ones."""
        found = [{row[at] for row in rows} for at in range(self.columns)]
        return not self.columns or any(
            len(known) <= CLASSES and (values <= known or len(values) <= most)
            for values, known in zip(found, self._values, strict=True)
        )


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
