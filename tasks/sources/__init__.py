"""Sources: published formats -> canonical rows. One file a source; `kind` is the name of its module."""

import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from pydantic import Field

from models import readers
from models.config import Chosen, chosen
from models.errors import RecipeError
from models.records import Record, Rejected, as_text

__all__ = [
    "Delimited",
    "Part",
    "Published",
    "Record",
    "Rejected",
    "Source",
    "SourceField",
    "check_json_array",
    "check_readable",
    "content",
    "expand",
    "matches",
    "record",
]

Part = Literal["train", "validation", "test"]
"""A published part of a data set."""


_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_digests: dict[tuple[str, int, int], str] = {}


class Source(Chosen):
    """Where rows come from."""

    def check(self) -> None:
        """Finds cheaply, before anything runs, what makes reading pointless.

        Raises:
            RecipeError: a file is missing, empty, unreadable or not of its format.
        """
        raise NotImplementedError

    def read(self) -> Iterator[Record | Rejected]:
        """Streams every row of the source, good or bad: none is skipped in silence.

        Raises:
            DataError: reading cannot go on (a file breaks off in the middle).
        """
        raise NotImplementedError


if TYPE_CHECKING:
    SourceField = Source
else:
    SourceField = chosen("tasks.sources", Source)
"""Pydantic type of a field that holds a source."""


class Published(Source):
    """A data set in its published format: a file for each part it comes in."""

    train: str = Field(
        description="Path of the training file; without others the validation and test rows are drawn from it."
    )
    validation: str | None = Field(
        default=None, description="Path of the validation file, where there is one."
    )
    test: str | None = Field(default=None, description="Path of the test file, where there is one.")

    def identity(self) -> Any:
        """The content of the files, by part, and what else is set."""
        own = super().identity()
        for part in get_args(Part):
            del own[part]
        return {**own, "files": [[part, content(path)] for part, path in self._files()]}

    def check(self) -> None:
        """Files are there, and begin as published ones do."""
        for _, path in self._files():
            check_readable(path)
            self.check_form(path)

    def read(self) -> Iterator[Record | Rejected]:
        """Rows of every part, in order."""
        for part, path in self._files():
            yield from self.rows(path, part)

    def check_form(self, path: Path) -> None:
        """
        Raises:
            RecipeError: the file is of another format.
        """
        raise NotImplementedError

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        """Every row of one file."""
        raise NotImplementedError

    def _files(self) -> list[tuple[str, Path]]:
        named = [(part, getattr(self, part)) for part in get_args(Part)]
        return [(part, path) for part, pattern in named if pattern for path in matches(pattern)]


class Delimited(Published):
    """A published data set in columns whose first line names them; a `"` is part of the text unless quoting is on.

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

    def check_form(self, path: Path) -> None:
        if (found := readers.header(path, self.delimiter, self.quoting)) != self.header:
            raise RecipeError(
                f"{path}, line 1: a file of {self.kind} has the columns {', '.join(self.header)}, "
                f"not {', '.join(found)}; use 'files' for another format"
            )

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        for item in readers.read_delimited(path, self.delimiter, self.quoting):
            if isinstance(item, Rejected):
                yield item
                continue
            line, fields = item
            group = fields[self.group] if self.group else ""
            row = {name: self.value(name, fields[found]) for name, found in self.columns.items()}
            yield Record(row, path.name, line, part, group)

    def value(self, name: str, value: str) -> str:
        """What stands in canonical column `name` for a published value."""
        return value


def expand(path: str) -> str:
    """`path` with `${VARIABLE}` and `~` filled in.

    Raises:
        RecipeError: when the variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if not os.environ.get(name):
            raise RecipeError(f"{path}: the environment variable {name} is not set; set it to your folder")
        return os.environ[name]

    return os.path.expanduser(_VARIABLE.sub(value, path))


def content(path: Path) -> str:
    """The sha256 of a file's bytes; remembered while size and modification time stay the same."""
    try:
        stat = path.stat()
        key = (str(path.resolve()), stat.st_size, stat.st_mtime_ns)
        if key not in _digests:
            with path.open("rb") as file:
                _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}") from error
    return _digests[key]


def record(
    fields: Mapping[str, Any], columns: Mapping[str, str], group: str | None, file: str, line: int, part: str
) -> Record | Rejected:
    """A row with its columns renamed (`columns`: canonical name -> name in the file) and its group taken out.

    Where `columns` names one for `part`, it says which part a row is published in.
    """
    renamed = set(columns.values())
    row = {name: value for name, value in fields.items() if name not in renamed}
    row.update((name, fields.get(found)) for name, found in columns.items())
    if "part" in columns:
        part = row.pop("part")
        if part not in get_args(Part):
            return Rejected(file, line, "part", "not train, validation or test", as_text(fields))
    key = fields.get(group) if group else None
    return Record(row, file, line, part, "" if key is None else str(key))


def matches(pattern: str) -> list[Path]:
    expanded = expand(pattern)
    try:
        if Path(expanded).exists():
            return [Path(expanded)]
        found = sorted(Path(name) for name in glob(expanded, recursive=True) if Path(name).is_file())
    except OSError as error:
        raise RecipeError(f"{expanded} cannot be read: {error.strerror or error}") from error
    if not found:
        raise RecipeError(f"{expanded}: no such file; check the path in the recipe")
    return found


def check_readable(path: Path) -> None:
    """Raises a RecipeError that says in one line what keeps the file from being read."""
    try:
        if path.is_dir():
            raise RecipeError(f"{path} is a folder; name its files, for example {path}/*.jsonl.gz")
        if path.stat().st_size == 0:
            raise RecipeError(f"{path} is empty; remove it from the recipe or fill it")
        with path.open("rb") as file:
            magic = file.read(2)
        if path.suffix == ".gz" and magic != b"\x1f\x8b":
            raise RecipeError(f"{path} is not gzip at all, though its name ends with .gz; rename or pack it")
        if path.suffix == ".gz" and _is_empty(path):
            raise RecipeError(f"{path} is empty when unpacked; remove it from the recipe or fill it")
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror or error}") from error


def check_json_array(path: Path) -> None:
    """Raises a RecipeError where a file does not begin like a JSON array."""
    first = next((raw.strip() for _, raw in readers.lines(path) if raw.strip()), b"")
    if not first.startswith(b"["):
        raise RecipeError(f"{path}, line 1: not a JSON array; use 'files' for another format")


def _is_empty(path: Path) -> bool:
    try:
        with gzip.open(path, "rb") as file:
            return not file.read(1)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False  # broken further on: reading names the line
