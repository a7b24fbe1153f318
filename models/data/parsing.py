"""How files of rows are parsed: their format, and what tells its dialects apart."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from models.data import readers, workbooks
from models.data.delimited import header as header_of
from models.data.delimited import named, read_delimited
from models.data.encodings import check_encoding
from models.data.lines import UTF8, text_lines
from models.data.packed import Broken, opened, unpacked_name
from models.data.records import Rejected
from models.errors import DataError, RecipeError

FORMATS = ("txt", "jsonl", "json", "csv", "tsv", "parquet", "xlsx")
DELIMITERS = {"csv": ",", "tsv": "\t"}
SHOWN = {"\t": "tab"}
"""Delimiters that cannot be seen."""
_CANDIDATES = (",", ";", "\t", "|")
_LOOKED_AT = 20
"""Rows by which a delimiter is told from a letter of the text."""
_PARQUET = b"PAR1"
_KEYS = 1_000
"""Rows of JSON lines that are looked at for the names in them."""


@dataclass(frozen=True)
class Parsing:
    """What is known of a file's form."""

    format: str
    encoding: str = UTF8
    delimiter: str | None = None
    quoting: bool | None = None
    header: Sequence[str] = ()
    data: str = ""
    by_line: bool = True
    sheet: str | None = None

    def rows(self, path: Path) -> Iterator[readers.Item]:
        """Every row, good or rejected, with its line.

        Raises:
            DataError: reading cannot go on.
        """
        if self.format == "txt":
            return readers.read_text(path, self.by_line, self.encoding)
        if self.format == "jsonl":
            return readers.read_json_lines(path, self.encoding)
        if self.format == "json":
            return readers.read_json(path, self.data, self.encoding)
        if self.format == "parquet":
            return readers.read_parquet(path)
        if self.format == "xlsx":
            return workbooks.sheet_rows(path, self.sheet, self.header)
        return read_delimited(path, self.separator, self.quotes, self.header, self.encoding)

    @property
    def has_lines(self) -> bool:
        """Whether each row is a line."""
        return self.format == "jsonl" or (self.format == "txt" and self.by_line)

    @property
    def separator(self) -> str:
        """What stands between two fields of a line."""
        return self.delimiter or DELIMITERS.get(self.format, ",")

    @property
    def quotes(self) -> bool:
        """Whether `"…"` quotes a field."""
        return self.format == "csv" if self.quoting is None else self.quoting

    def check(self, path: Path) -> None:
        """
        Raises:
            RecipeError: the file is of another format, encoding or delimiter.
        """
        if self.format in ("parquet", "xlsx"):
            return
        with opened(path) as file:
            if _begin(file) == _PARQUET:
                raise RecipeError(f"{path} is a Parquet file: set format: parquet in its source")
        check_encoding(path, self.encoding)
        if self.format == "jsonl":
            readers.check_json_lines(path, self.encoding)
        if self.format in DELIMITERS and self.delimiter is None and not self.header:
            self._check_delimiter(path)

    def names(self, path: Path) -> list[str] | None:
        """The names of the columns, of JSON lines those in its first rows; None where only reading all can tell.

        Raises:
            RecipeError: they cannot be read.
        """
        if self.format in DELIMITERS:
            found = named(self.header) or header_of(path, self.separator, self.quotes, self.encoding)
            if not found:
                raise RecipeError(
                    f"{path}, line 1: the column names cannot be read; mend its quotes, or set quoting: false"
                )
            return found
        if self.format == "xlsx":
            return named(self.header) or workbooks.column_names(path, self.sheet)
        if self.format == "parquet":
            return _parquet_names(path)
        if self.format == "txt":
            return ["text"]
        return None

    def first_rows(self, path: Path) -> list[Mapping[str, Any]]:
        """The good ones among the first rows."""
        try:
            return [item[1] for item in islice(self.rows(path), _KEYS) if not isinstance(item, Rejected)]
        except DataError:
            return []  # reading it says what is wrong

    def _check_delimiter(self, path: Path) -> None:
        """
        Raises:
            RecipeError: the columns are clearly separated by another.
        """
        lines = _first_lines(path, self.encoding)
        found = likely_delimiter(lines, self.separator)
        if found is not None and found != self.separator:
            shown, ours = (SHOWN.get(item, item) for item in (found, self.separator))
            written = r'"\t"' if found == "\t" else f'"{found}"'
            raise RecipeError(
                f"{path}, line 1: the columns are separated by '{shown}', not '{ours}': set delimiter: {written} in "
                "its source"
            )


def format_of(name: str) -> str | None:
    """The format that a file's name ends with."""
    suffix = unpacked_name(name).lower().rpartition(".")[2]
    suffix = "xlsx" if suffix == "xlsm" else "jsonl" if suffix == "ndjson" else suffix
    return suffix if suffix in FORMATS else None


def likely_delimiter(lines: Sequence[str], usual: str | None = None) -> str | None:
    """What separates the columns of a file that begins with these lines; `usual` where another is not clearly better.

    It cuts all of them into as many fields, at least two. None where none does.
    """
    fits = {item: cells for item in _CANDIDATES if (cells := _fields(lines, item)) > 1}
    if usual in fits or not fits:
        return usual if usual in fits else None
    return max(fits, key=lambda item: fits[item])


def _fields(lines: Sequence[str], delimiter: str) -> int:
    """How many fields each of most lines is cut into; 0 where they are not alike."""
    try:
        cells = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return 0
    alike = sum(number == cells[0] for number in cells) if cells else 0
    return cells[0] if alike > 0.8 * len(cells) else 0


def _first_lines(path: Path, encoding: str) -> list[str]:
    try:
        return [line for _, line in islice(text_lines(path, encoding), _LOOKED_AT)]
    except DataError:
        return []  # reading it says what is wrong


def _begin(file: BinaryIO) -> bytes:
    try:
        return file.read(len(_PARQUET))
    except Broken:
        return b""


def _parquet_names(path: Path) -> list[str]:
    import pyarrow as pa  # recipes load this module, and it takes long to import
    from pyarrow import parquet

    try:
        with opened(path) as file:
            return named(parquet.read_schema(file).names)
    except (pa.ArrowException, Broken) as error:
        raise RecipeError(f"{path} is not a Parquet file: {error}") from error
