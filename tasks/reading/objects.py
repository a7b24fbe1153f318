"""Sources of users' own files of objects."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from models.data.parsing import Parsing, format_of
from models.data.readers import LOOKED_AT
from models.data.records import Record, Rejected, as_text
from models.errors import HeadwaterError, RecipeError
from tasks.reading.own_files import OwnFiles
from tasks.reading.source import check_readable

_LOOKED_AT = 20
"""Objects by which a file is recognised."""


class Objects(OwnFiles):
    """Files of objects: JSON lines, a JSON array, or Parquet."""

    formats: ClassVar[tuple[str, ...]] = ("jsonl", "json", "parquet")
    format: Literal["jsonl", "json", "parquet"] | None = Field(
        default=None, description="The files' format where their names do not end with it."
    )
    data: str = Field(default="", description="JSON: the dotted path to the array of rows, such as data.")

    def form_of(self, path: Path) -> list[str]:
        return [self.parsing(path).format]

    def has_lines(self, path: Path) -> bool:
        return self.parsing(path).has_lines

    @classmethod
    def recognises(cls, path: Path) -> Self | None:
        """By what the first objects are; of an array only where it is small enough to be looked at."""
        try:
            if format_of(path.name) not in cls.formats or path.stat().st_size > LOOKED_AT:
                return None
            source = cls.model_validate({"paths": (str(path),)})
            rows = source.parsing(path).first_rows(path)[:_LOOKED_AT]
            found = [item for row in enumerate(rows) for item in source.made(row, path.name, "")]
        except (HeadwaterError, OSError):
            return None
        good = sum(isinstance(item, Record) for item in found)
        return source if good > len(found) / 2 else None

    def parsing(self, path: Path) -> Parsing:
        """How a file is parsed.

        Raises:
            RecipeError: nothing says so.
        """
        form = self.format or format_of(path.name)
        if form not in self.formats:
            raise RecipeError(
                f"{path}: no ending of JSON; name the 'format', one of {', '.join(self.formats)}"
            )
        return Parsing(form, self.encoding, data=self.data)

    def check(self) -> None:
        for _, path in self.files():
            check_readable(path)
            parsing = self.parsing(path)
            parsing.check(path)
            if parsing.format != "json":  # which only reading all can tell
                self._check_rows(path, parsing.first_rows(path))

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        for item in self.parsing(path).rows(path):
            yield from [item] if isinstance(item, Rejected) else self.made(item, path.name, part)

    def made(self, item: tuple[int, Mapping[str, Any]], file: str, part: str) -> Iterable[Record | Rejected]:
        """Rows of an object, or why there are none; each is of the line that it stands on."""
        line, fields = item
        try:
            return self.of_object(fields, file, line, part)
        except Unfit as error:
            own = fields.get("id")
            name = str(own) if isinstance(own, str | int) else ""
            return [Rejected(file, line, error.field, error.reason, as_text(fields), name)]

    def of_object(
        self, fields: Mapping[str, Any], file: str, line: int, part: str
    ) -> list[Record | Rejected]:
        """
        Raises:
            Unfit: the object is not of this form.
        """
        raise NotImplementedError

    def _check_rows(self, path: Path, rows: list[Mapping[str, Any]]) -> None:
        """
        Raises:
            RecipeError: none of the first rows is of this form.
        """
        found = [
            item
            for number, row in enumerate(rows, start=1)
            for item in self.made((number, row), path.name, "")
        ]
        if found and all(isinstance(item, Rejected) for item in found):
            first = next(item for item in found if isinstance(item, Rejected))
            raise RecipeError(
                f"{path}, row {first.line}: no file of {self.kind}: {first.category}; there are "
                f"{', '.join(map(str, rows[0]))[:200]}"
            )


class Unfit(Exception):
    """An object is not what it should be."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason
