"""Plain files: text, JSON lines, JSON arrays, CSV, TSV and Parquet, each also gzipped."""

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as parquet
from pydantic import Field, field_validator, model_validator

from models.config import did_you_mean
from models.data import readers
from models.data.comparison import composed
from models.data.delimited import header, named, read_delimited
from models.data.encodings import check_encoding
from models.data.lines import UTF8, opened
from models.errors import RecipeError
from tasks.reading.source import FileSource, Part, Record, Rejected, check_readable, content, matches, record

SUFFIXES = ("txt", "jsonl", "json", "csv", "tsv", "parquet")
PARQUET = b"PAR1"
"""How a Parquet file begins."""
DELIMITERS = {"csv": ",", "tsv": "\t"}


class Files(FileSource):
    """Rows of files that `paths` (or, by part, `parts`) name."""

    kind: Literal["files"] = Field(default="files", description="Plain files.")
    paths: tuple[str, ...] = Field(
        default=(), description="Files or globs; ${VARIABLE} is filled in from the environment."
    )
    parts: Mapping[Part, tuple[str, ...]] = Field(
        default={}, description="Files or globs of each published part: train, validation, test."
    )
    format: Literal["txt", "jsonl", "json", "csv", "tsv", "parquet"] | None = Field(
        default=None, description="The files' format where their names do not end with it."
    )
    columns: Mapping[str, str] = Field(
        default={},
        description="Where a column has another name: {text: document}; a field inside one: meta.label.",
    )
    header: tuple[str, ...] = Field(
        default=(), description="Column names of a CSV or TSV file without a header line."
    )
    quoting: bool | None = Field(
        default=None,
        description='CSV and TSV: whether "…" quotes a field, or is part of the text; left out, it quotes in CSV.',
    )
    encoding: str = Field(
        default=UTF8,
        description="How characters are written as bytes: utf-8, cp949 (Korean Windows), utf-16 …",
    )
    data: str = Field(default="", description="JSON: the dotted path to the array of rows, such as data.")
    by_line: bool = Field(
        default=True, description="Text files: each line is a text, or else the whole file is."
    )
    group: str | None = Field(
        default=None, description="The column whose rows must stay in one part, such as premise."
    )

    @field_validator("paths", mode="before", json_schema_input_type=str | tuple[str, ...])
    @classmethod
    def _one(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else (value,)

    @field_validator("parts", mode="before", json_schema_input_type=Mapping[Part, str | tuple[str, ...]])
    @classmethod
    def _one_each(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {part: cls._one(paths) for part, paths in value.items()}

    @field_validator("columns", "group")
    @classmethod
    def _composed_names(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: composed(column) for name, column in value.items()}
        return value and composed(value)

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            return codecs.lookup(value).name
        except LookupError as error:
            raise ValueError(
                f"unknown encoding '{value}'{did_you_mean(value, ['utf-8', 'cp949', 'euc-kr', 'utf-16', 'cp1252'])}"
            ) from error

    @field_validator("header")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := _twice(named(names)):
            raise ValueError(f"the column '{twice}' is named twice: give one of them another name")
        return names

    @model_validator(mode="after")
    def _some(self) -> "Files":
        if not self.paths and not self.parts:
            raise ValueError("name at least one file in 'paths' or 'parts'")
        return self

    def identity(self) -> Any:
        """How files are parsed, and their content in order; never their paths."""
        fixed = super().identity()
        del fixed["paths"], fixed["parts"]
        return {**fixed, "files": [[part, self._format(path), content(path)] for part, path in self._files()]}

    def check(self) -> None:
        """Each file exists, is not empty, can be opened and has the columns that `columns` names."""
        for _, path in self._files():
            check_readable(path)
            form = self._format(path)
            if form != "parquet":
                self._check_text(path, form)
            self._check_columns(path)

    def by_file(self) -> Iterator[tuple[Path, Iterable[Record | Rejected]]]:
        """Files in the order of parts and of sorted names."""
        for part, path in self._files():
            yield path, self._rows(path, part)

    def _rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        for item in self._items(path):
            if isinstance(item, Rejected):
                yield item
            else:
                line, fields = item
                yield record(_composed(fields), self.columns, self.group, path.name, line, part)

    def _items(self, path: Path) -> Iterator[readers.Item]:
        form = self._format(path)
        if form == "txt":
            return readers.read_text(path, self.by_line, self.encoding)
        if form == "jsonl":
            return readers.read_json_lines(path, self.encoding)
        if form == "json":
            return readers.read_json(path, self.data, self.encoding)
        if form == "parquet":
            return readers.read_parquet(path)
        return read_delimited(path, DELIMITERS[form], self._quotes(form), self.header, self.encoding)

    def _quotes(self, form: str) -> bool:
        return form == "csv" if self.quoting is None else self.quoting

    def _files(self) -> list[tuple[str, Path]]:
        """Every file with its part, globs sorted by name.

        Raises:
            RecipeError: a path or glob names nothing.
        """
        named = [("", pattern) for pattern in self.paths]
        named += [(part, pattern) for part in sorted(self.parts) for pattern in self.parts[part]]
        return [(part, path) for part, pattern in named for path in matches(pattern)]

    def _format(self, path: Path) -> str:
        suffix = path.name.lower().removesuffix(".gz").rpartition(".")[2]
        if self.format is None and suffix not in SUFFIXES:
            raise RecipeError(f"{path}: unknown ending; name the 'format', one of {', '.join(SUFFIXES)}")
        return self.format or suffix

    def _check_text(self, path: Path, form: str) -> None:
        """It is text, in the encoding that is named, and not JSON of another form."""
        with opened(path) as file:
            if file.read(4) == PARQUET:
                raise RecipeError(f"{path} is a Parquet file: set format: parquet in its source")
        check_encoding(path, self.encoding)
        if form == "jsonl":
            readers.check_json_lines(path, self.encoding)

    def _check_columns(self, path: Path) -> None:
        """Columns are named once, and those that `columns` and `group` name are there."""
        form, hint = self._format(path), ""
        wanted = [*self.columns.values(), *([self.group] if self.group else [])]
        if form in DELIMITERS:
            names = named(self.header) or header(path, DELIMITERS[form], self._quotes(form), self.encoding)
            if not names:
                raise RecipeError(
                    f"{path}, line 1: the column names cannot be read; mend its quotes, or set quoting: false"
                )
            hint = "" if self.header else "; where line 1 is a row already, name the columns in 'header'"
        elif form == "parquet":
            names = _parquet_columns(path)
            wanted = [name if name in names else name.partition(".")[0] for name in wanted]
        else:
            return
        if twice := _twice(names):
            raise RecipeError(f"{path}: the column '{twice}' is named twice; rename one of them{hint}")
        for name in wanted:
            if name not in names:
                raise RecipeError(f"{path}: no column '{name}'{did_you_mean(name, names)}{hint}")


def _composed(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with its names in one form of Unicode: macOS writes Hangul in letters, where others write syllables."""
    if all(name.isascii() for name in fields):
        return fields
    return {composed(name): value for name, value in fields.items()}


def _twice(names: Sequence[str]) -> str | None:
    """The first name that stands twice; columns without a name are none."""
    return next((name for name in names if name and names.count(name) > 1), None)


def _parquet_columns(path: Path) -> list[str]:
    try:
        with opened(path) as file:
            return named(parquet.read_schema(file).names)
    except pa.ArrowException as error:
        raise RecipeError(f"{path} is not a Parquet file: {error}") from error
