"""Plain files: text, JSON lines, JSON arrays, CSV, TSV, Parquet and workbooks, each also packed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator

from models.config import did_you_mean
from models.data import columns, guesses
from models.data.comparison import composed
from models.data.delimited import named
from models.data.parsing import FORMATS, Parsing, format_of
from models.errors import RecipeError
from tasks.reading.own_files import OwnFiles
from tasks.reading.source import COLUMNS, Made, Record, Rejected, check_readable, record


class Files(OwnFiles):
    """Rows of files that `paths` (or, by part, `parts`) name."""

    kind: Literal["files"] = Field(default="files", description="Plain files.")
    format: Literal["txt", "jsonl", "json", "csv", "tsv", "parquet", "xlsx"] | None = Field(
        default=None, description="The files' format where their names do not end with it."
    )
    columns: Mapping[str, Made] = Field(default={}, description=COLUMNS)
    header: tuple[str, ...] = Field(
        default=(), description="Column names of a CSV or TSV file, or of a sheet, without a header line."
    )
    delimiter: str | None = Field(
        default=None,
        description="CSV and TSV: the character between two fields, such as ';'; left out, a comma or a tab.",
    )
    quoting: bool | None = Field(
        default=None,
        description='CSV and TSV: whether "…" quotes a field, or is part of the text; left out, it quotes in CSV.',
    )
    sheet: str | None = Field(
        default=None, description="Workbooks: the sheet with the rows, where there are several."
    )
    data: str = Field(default="", description="JSON: the dotted path to the array of rows, such as data.")
    by_line: bool = Field(
        default=True, description="Text files: each line is a text, or else the whole file is."
    )
    group: str | None = Field(
        default=None, description="The column whose rows must stay in one part, such as premise."
    )

    @field_validator("group", "sheet")
    @classmethod
    def _composed_name(cls, value: Any) -> Any:
        return value and composed(value)

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        value = {"\\t": "\t", "tab": "\t"}.get(value or "", value)
        if value is not None and (len(value) != 1 or value in '"\r\n'):
            raise ValueError(f"not one character that can stand between fields: {value!r}")
        return value

    @field_validator("header")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := _twice(named(names)):
            raise ValueError(f"the column '{twice}' is named twice: give one of them another name")
        return names

    def form_of(self, path: Path) -> list[str]:
        return [self._parsing(path).format]

    def has_lines(self, path: Path) -> bool:
        return self._parsing(path).has_lines

    def asked_by(self) -> Mapping[str, Made]:
        return self.columns

    def check(self) -> None:
        """Each file exists, is not empty, can be opened and has the columns that `columns` names."""
        for _, path in self.files():
            check_readable(path, workbook=(self.format or format_of(path.name)) == "xlsx")
            parsing = self._parsing(path)
            parsing.check(path)
            self._check_columns(path, parsing)

    @classmethod
    def recognises(cls, path: Path) -> Self | None:
        settings = guesses.parsing(path)
        return None if settings is None else cls.model_validate({"paths": (str(path),), **settings})

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        for item in self._parsing(path).rows(path):
            if isinstance(item, Rejected):
                yield item
            else:
                line, fields = item
                yield record(_composed(fields), self.columns, self.group, path.name, line, part)

    def _parsing(self, path: Path) -> Parsing:
        form = self.format or format_of(path.name)
        if form is None:
            raise RecipeError(f"{path}: unknown ending; name the 'format', one of {', '.join(FORMATS)}")
        if form == "txt" and self.delimiter is not None:
            form = "csv"
        return Parsing(
            form,
            self.encoding,
            self.delimiter,
            self.quoting,
            self.header,
            self.data,
            self.by_line,
            self.sheet,
        )

    def _check_columns(self, path: Path, parsing: Parsing) -> None:
        """Columns are named once, and those that `columns` and `group` name are there."""
        wanted = [*self.columns.values(), *([self.group] if self.group else [])]
        if parsing.format == "jsonl" and wanted:
            _check_fields(path, parsing.first_rows(path), self.columns)
        names = parsing.names(path)
        if names is None:
            return
        line_of_names = parsing.format in ("csv", "tsv", "xlsx") and not self.header
        hint = "; where line 1 is a row already, name the columns in 'header'" if line_of_names else ""
        if twice := _twice(names):
            raise RecipeError(f"{path}: the column '{twice}' is named twice; rename one of them{hint}")
        for made in wanted:
            for name in columns.unknown(made, names, nested=parsing.format == "parquet"):
                raise RecipeError(f"{path}: no column '{name}'{did_you_mean(name, names)}{hint}")


def _check_fields(path: Path, rows: Sequence[Mapping[str, Any]], made: Mapping[str, Made]) -> None:
    """
    Raises:
        RecipeError: none of the first rows has any of the columns that one is made of.
    """
    rows = [_composed(row) for row in rows]
    for column, wanted in made.items():
        if rows and all(columns.value(row, wanted) is None for row in rows):
            known = list(dict.fromkeys(name for row in rows for name in columns.paths(row)))
            name = next(columns.unknown(wanted, known), None)
            if name is not None:
                raise RecipeError(
                    f"{path}: no column '{name}', of which '{column}' is made, in the first {len(rows):,} rows"
                    f"{did_you_mean(name, known)}"
                )


def _composed(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with its names in one form of Unicode: macOS writes Hangul in letters, where others write syllables."""
    if "".join(fields).isascii():
        return fields
    return {composed(name): value for name, value in fields.items()}


def _twice(names: Sequence[str]) -> str | None:
    """The first name that stands twice; columns without a name are none."""
    return next((name for name in names if name and names.count(name) > 1), None)
