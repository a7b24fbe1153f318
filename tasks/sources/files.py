"""Plain files: text, JSON lines, JSON arrays, CSV, TSV and Parquet, each also gzipped."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as parquet
from pydantic import Field, field_validator, model_validator

from models.config import did_you_mean
from models.data import readers
from models.errors import RecipeError
from tasks.reading.source import Part, Record, Rejected, Source, check_readable, content, matches, record

SUFFIXES = ("txt", "jsonl", "json", "csv", "tsv", "parquet")
DELIMITERS = {"csv": ",", "tsv": "\t"}


class Files(Source):
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
        default={}, description="Where a column has another name: {text: document}."
    )
    header: tuple[str, ...] = Field(
        default=(), description="Column names of a CSV or TSV file without a header line."
    )
    quoting: bool = Field(
        default=True, description='CSV and TSV: whether "…" quotes a field, or is part of the text.'
    )
    data: str = Field(default="", description="JSON: the dotted path to the array of rows, such as data.")
    by_line: bool = Field(
        default=True, description="Text files: each line is a text, or else the whole file is."
    )
    group: str | None = Field(
        default=None, description="The column whose rows must stay in one part, such as premise."
    )

    @field_validator("paths", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("parts", mode="before")
    @classmethod
    def _one_each(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {part: (paths,) if isinstance(paths, str) else paths for part, paths in value.items()}

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
            self._check_columns(path)

    def read(self) -> Iterator[Record | Rejected]:
        """Rows in the order of parts and of sorted names."""
        for part, path in self._files():
            for item in self._items(path):
                if isinstance(item, Rejected):
                    yield item
                else:
                    line, fields = item
                    yield record(fields, self.columns, self.group, path.name, line, part)

    def _items(self, path: Path) -> Iterator[readers.Item]:
        form = self._format(path)
        if form == "txt":
            return readers.read_text(path, self.by_line)
        if form == "jsonl":
            return readers.read_json_lines(path)
        if form == "json":
            return readers.read_json(path, self.data)
        if form == "parquet":
            return readers.read_parquet(path)
        return readers.read_delimited(path, DELIMITERS[form], self.quoting, self.header)

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

    def _check_columns(self, path: Path) -> None:
        form = self._format(path)
        if form in DELIMITERS:
            names = list(self.header) or readers.header(path, DELIMITERS[form], self.quoting)
            if not names:
                raise RecipeError(
                    f"{path}, line 1: the column names cannot be read; save the file as UTF-8, or name them in 'header'"
                )
        elif form == "parquet" and path.suffix != ".gz":
            names = _parquet_columns(path)
        else:
            return
        for wanted in [*self.columns.values(), *([self.group] if self.group else [])]:
            if wanted not in names:
                raise RecipeError(f"{path}: no column '{wanted}'{did_you_mean(wanted, names)}")


def _parquet_columns(path: Path) -> list[str]:
    try:
        return list(parquet.read_schema(path).names)
    except pa.ArrowException as error:
        raise RecipeError(f"{path} is not a Parquet file: {error}") from error
