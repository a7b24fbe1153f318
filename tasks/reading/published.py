"""Published data sets: the files they come in, and the forms that several of them share."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, get_args

from pydantic import Field

from models.data import readers
from models.data.delimited import header as header_of
from models.data.delimited import read_delimited
from models.data.encodings import check_encoding
from models.data.lines import UTF8, lines
from models.data.packed import Broken
from models.data.records import Record, Rejected
from models.errors import HeadwaterError, RecipeError
from models.paths import RecipePath
from tasks.reading.source import FileSource, Part, check_readable, content, matches


class Published(FileSource):
    """A data set in its published format."""

    parts: ClassVar[dict[str, str]]
    """Field that holds the path of a file -> part its rows are published in; "": none."""

    def identity(self) -> Any:
        """The content of the files, by part, and what else is set."""
        own = {name: value for name, value in super().identity().items() if name not in self.parts}
        return {**own, "files": [[part, content(path)] for part, path in self.files()]}

    def check(self) -> None:
        """Files are there, and begin as published ones do."""
        for _, path in self.files():
            check_readable(path)
            check_encoding(path, UTF8, settable=False)
            self.check_form(path)

    def by_file(self) -> Iterator[tuple[Path, Iterable[Record | Rejected]]]:
        for part, path in self.files():
            yield path, self.rows(path, part)

    def check_form(self, path: Path) -> None:
        """
        Raises:
            RecipeError: the file is of another format.
        """
        raise NotImplementedError

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        """Every row of one file."""
        raise NotImplementedError

    def files(self) -> list[tuple[str, Path]]:
        """Part and path of each file."""
        named = [(part, getattr(self, name)) for name, part in self.parts.items()]
        return [(part, path) for part, pattern in named if pattern for path in matches(pattern)]


class InParts(Published):
    """A data set with a file for each part it comes in."""

    parts: ClassVar[dict[str, str]] = {part: part for part in get_args(Part)}
    train: RecipePath = Field(
        description="Path of the training file; without others the validation and test rows are drawn from it."
    )
    validation: RecipePath | None = Field(
        default=None, description="Path of the validation file, where there is one."
    )
    test: RecipePath | None = Field(default=None, description="Path of the test file, where there is one.")


class Delimited(Published):
    """A data set in columns whose first line names them; a `"` is part of the text unless quoting is on.

    Read with quoting on where there is none, a text that begins with a quotation mark swallows the rows after it.
    """

    header: ClassVar[list[str]]
    """The first line as it is published."""
    columns: ClassVar[dict[str, str]]
    """Canonical column -> published one; others are left out."""
    group: ClassVar[str | None] = None
    """Published column whose rows must stay together."""
    delimiter: ClassVar[str] = "\t"
    quoting: ClassVar[bool] = False

    @classmethod
    def recognises(cls, path: Path) -> Self | None:
        try:
            same = path.is_file() and header_of(path, cls.delimiter, cls.quoting) == cls.header
        except (HeadwaterError, OSError, Broken):
            return None
        return cls.model_validate({next(iter(cls.parts)): str(path)}) if same else None

    def check_form(self, path: Path) -> None:
        if (found := header_of(path, self.delimiter, self.quoting)) != self.header:
            raise RecipeError(
                f"{path}, line 1: a file of {self.kind} has the columns {', '.join(self.header)}, "
                f"not {', '.join(found)}; use 'files' for another format"
            )

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        for item in read_delimited(path, self.delimiter, self.quoting):
            if isinstance(item, Rejected):
                yield item
                continue
            line, fields = item
            yield Record(self.row(fields), path.name, line, part, self.together(fields))

    def row(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Canonical columns of a published row."""
        return {name: self.value(name, fields[found]) for name, found in self.columns.items()}

    def value(self, name: str, value: str) -> str:
        """What stands in canonical column `name` for a published value."""
        return value

    def together(self, fields: Mapping[str, Any]) -> str:
        """The group of a published row, "" where it has none."""
        return fields[self.group] if self.group else ""


class JsonArray(Published):
    """A data set that is a JSON array of objects."""

    def check_form(self, path: Path) -> None:
        check_begins(path, b"[", "a JSON array")

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        for item in readers.read_json(path, ""):
            yield item if isinstance(item, Rejected) else self.row(item[1], path.name, item[0], part)

    def row(self, fields: Mapping[str, Any], file: str, line: int, part: str) -> Record | Rejected:
        """One object as a row."""
        raise NotImplementedError


def check_begins(path: Path, mark: bytes, what: str) -> None:
    """Raises a RecipeError where a file does not begin like `what`: with `mark`, white space aside."""
    first = next((raw.strip() for _, raw in lines(path) if raw.strip()), b"")
    if not first.startswith(mark):
        raise RecipeError(f"{path}, line 1: not {what}; use 'files' for another format")
