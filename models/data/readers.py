"""Readers of plain file formats: each streams a file's rows with their line numbers and loses none.

Every reader yields `(line, fields)`, or `Rejected` for a row that cannot be read. Lines count from 1 and
include the header; in Parquet and JSON arrays the row number stands for the line.
"""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from models.data.records import Rejected
from models.errors import DataError

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""The JSON escape of half a character pair; alone it is no character and cannot be stored."""

Item = tuple[int, Mapping[str, Any]] | Rejected

FIELD_LIMIT = 16 * 1024 * 1024
"""Longest field of a quoted file in characters; a longer one is a quote that never closes."""


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """A file's lines without their ends, numbered from 1; `.gz` is unpacked.

    Raises:
        DataError: a gzip file breaks off or is damaged in the middle, with the line reached.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for raw in file:
                number += 1
                if number == 1:
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                yield number, raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path.name}, line {number + 1}: the gzip file is broken here ({error}); fetch or pack it again"
        ) from error


def _decode(path: Path, number: int, raw: bytes) -> str | Rejected:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return Rejected(
            path.name, number, "", "not UTF-8", raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        )


def read_text(path: Path, by_line: bool) -> Iterator[Item]:
    """Plain text: each line that is not blank is a `text`, or the whole file is one."""
    if by_line:
        for number, raw in lines(path):
            text = _decode(path, number, raw.rstrip(b"\r\n"))
            if isinstance(text, Rejected):
                yield text
            elif text.strip():
                yield number, {"text": text}
    else:
        text = _decode(path, 1, b"".join(raw for _, raw in lines(path)))
        yield text if isinstance(text, Rejected) else (1, {"text": text})


def read_json_lines(path: Path) -> Iterator[Item]:
    """One JSON object a line; blank lines are no rows."""
    for number, raw in lines(path):
        text = _decode(path, number, raw.rstrip(b"\r\n"))
        if isinstance(text, Rejected):
            yield text
        elif text.strip():
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                yield Rejected(path.name, number, "", "not JSON", text)
            else:
                yield _object(path, number, row, text if _SURROGATE.search(text) else "")


def read_json(path: Path, where: str) -> Iterator[Item]:
    """A JSON array of objects, or the one that the dotted path `where` leads to (`data`).

    Raises:
        DataError: the file is not JSON, or there is no array at `where`.
    """
    raw = b"".join(raw for _, raw in lines(path))
    try:
        value = json.loads(raw)
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path.name}, line {error.lineno}: not JSON ({error.msg}); mend the file") from error
    for name in filter(None, where.split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, list):
        place = f"at '{where}'" if where else "at the top"
        raise DataError(
            f"{path.name}: there is no array {place}; name the path to the array of rows in `data`"
        )
    suspicious = _SURROGATE.search(raw.decode("utf-8")) is not None
    for number, row in enumerate(value, start=1):
        yield _object(path, number, row, json.dumps(row) if suspicious else "")


def _object(path: Path, number: int, row: Any, suspect: str) -> Item:
    """A parsed row, if it is an object of valid Unicode; `suspect` is its source where it holds escapes."""
    if not isinstance(row, dict):
        return Rejected(path.name, number, "", "not a JSON object", json.dumps(row))
    if suspect and any("\ud800" <= letter <= "\udfff" for letter in json.dumps(row, ensure_ascii=False)):
        return Rejected(path.name, number, "", "not valid Unicode", suspect)
    return number, row


def read_delimited(path: Path, delimiter: str, quoting: bool, header: Sequence[str] = ()) -> Iterator[Item]:
    """Rows of a CSV or TSV file; the first line names the columns unless `header` does.

    With `quoting`, a field in double quotes may hold delimiters, doubled quotes and line ends (RFC 4180). Without
    it a `"` is part of the text. Blank lines are no rows.

    Raises:
        DataError: the line with the column names cannot be read.
    """
    names = list(header)
    rows = _quoted(path, delimiter) if quoting else _unquoted(path, delimiter)
    for item in rows:
        if isinstance(item, Rejected):
            if not names:
                raise DataError(
                    f"{path.name}, line {item.line}: the column names cannot be read ({item.reason})"
                )
            yield item
            continue
        number, cells = item
        if not names:
            names = [cell.strip() for cell in cells]
        elif len(cells) != len(names):
            reason = "too few columns" if len(cells) < len(names) else "too many columns"
            yield Rejected(path.name, number, "", reason, delimiter.join(cells))
        else:
            yield number, dict(zip(names, cells, strict=True))


def _unquoted(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]] | Rejected]:
    for number, raw in lines(path):
        text = _decode(path, number, raw.rstrip(b"\r\n"))
        if isinstance(text, Rejected):
            yield text
        elif text.strip():
            yield number, text.split(delimiter)


class _Decoded:
    """Feeds lines to a CSV reader; remembers the current row's lines, and sets lines that are not UTF-8 aside."""

    def __init__(self, path: Path) -> None:
        self._path, self._lines = path, lines(path)
        self.row: list[str] = []
        self.start = 0
        self.rejected: list[Rejected] = []

    def __iter__(self) -> "_Decoded":
        return self

    def __next__(self) -> str:
        while True:
            number, raw = next(self._lines)
            text = _decode(self._path, number, raw)
            if isinstance(text, str):
                break
            self.rejected.append(text)
        if not self.row:
            self.start = number
        self.row.append(text)
        return text


def _quoted(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]] | Rejected]:
    csv.field_size_limit(FIELD_LIMIT)
    source = _Decoded(path)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    done = False
    while not done:
        source.row = []
        row: tuple[int, list[str]] | Rejected | None = None
        try:
            cells = next(reader)
            row = (source.start, cells) if cells else None
        except StopIteration:
            done = True
        except csv.Error:
            # All lines that a stray quote has swallowed are kept, so that nothing is lost unseen.
            row = Rejected(path.name, source.start, "", "quotes do not match", "".join(source.row))
            reader = csv.reader(source, delimiter=delimiter, strict=True)
        yield from source.rejected
        source.rejected = []
        if row is not None:
            yield row


def header(path: Path, delimiter: str, quoting: bool) -> list[str]:
    """Column names in the first line of a CSV or TSV file; empty when it cannot be read."""
    for item in _quoted(path, delimiter) if quoting else _unquoted(path, delimiter):
        return [] if isinstance(item, Rejected) else [cell.strip() for cell in item[1]]
    return []


def read_parquet(path: Path) -> Iterator[Item]:
    """Rows of a Parquet file, a batch at a time.

    Raises:
        DataError: the file is damaged.
    """
    number = 0
    try:
        with parquet.ParquetFile(gzip.open(path, "rb") if path.suffix == ".gz" else path) as file:
            for batch in file.iter_batches(batch_size=2_000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name}, row {number + 1}: the Parquet file is broken ({error})") from error
