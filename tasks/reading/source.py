"""Sources: published formats -> canonical rows. One file a source; `kind` is the name of its module."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from glob import glob
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unicodedata import normalize

from models.data import columns
from models.data.columns import Made
from models.data.comparison import as_group, composed
from models.data.encodings import check_form
from models.data.names import Names
from models.data.packed import PACKINGS, Broken, opened, packing
from models.data.records import Part, Record, Rejected
from models.errors import RecipeError
from models.files import digest
from models.hub import Pin
from models.kinds import Chosen, chosen
from models.paths import tried
from tasks.reading import remote
from tasks.reading.known import known
from tasks.reading.shards import Shard

__all__ = [
    "COLUMNS",
    "FileSource",
    "Made",
    "Part",
    "Record",
    "Rejected",
    "Shard",
    "Source",
    "SourceField",
    "check_readable",
    "content",
    "expand",
    "matches",
    "read_all",
    "record",
]

Item = Record | Rejected
COLUMNS = (
    "What canonical columns are made of: {text: document}; several, joined by line ends: {text: [subject, body]}; a "
    "template: {text: '{subject}: {body}'}; a field inside a column: doc.body or messages.0.content."
)
"""What `columns` of a source is for."""

_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


class Source(Chosen):
    """Where rows come from."""

    def check(self) -> None:
        """Finds cheaply, before anything runs, what makes reading pointless.

        Raises:
            RecipeError: a file is missing, empty, unreadable or not of its format.
        """
        raise NotImplementedError

    def read(self) -> Iterator[Item]:
        """Streams every row of the source, good or bad: none is skipped in silence.

        Raises:
            DataError: reading cannot go on (a file breaks off in the middle).
        """
        raise NotImplementedError

    def by_file(self) -> Iterator[tuple[Path | None, Iterable[Item]]]:
        """The same rows file by file, in order; no path where they come from elsewhere."""
        yield None, self.read()

    def shards(self, size: int) -> list[Shard]:
        """What of it can be read by itself, and is read anew when it alone has changed.

        Args:
            size: bytes of a file above which it is cut where it can be.
        """
        return [Shard(self, self.kind, (self.kind, json.dumps(self.identity(), sort_keys=True)))]

    def asked_by(self) -> Mapping[str, Made]:
        """The columns that canonical ones are made of, by which a model of these rows can be asked as well; none where
        rows come as they are."""
        return {}

    def pins(self) -> list[Pin]:
        """At which commits of the hub it reads; none where it reads nothing there."""
        return []

    def origins(self) -> list[dict[str, str]]:
        """What is read beside files: its name as `file`, its `path`, and as `sha256` what tells its content."""
        return []

    @classmethod
    def recognises(cls, path: Path) -> Self | None:
        """A source of this file, set up as far as its first rows say how; None where it has another form.

        Cheap, and for a file of any kind: it looks at the beginning, and never raises.
        """
        return None


class FileSource(Source):
    """Rows of files, each read by itself."""

    def read(self) -> Iterator[Item]:
        """Rows of all files, in order."""
        return chain.from_iterable(rows for _, rows in self.by_file())

    def by_file(self) -> Iterator[tuple[Path | None, Iterable[Item]]]:
        raise NotImplementedError


if TYPE_CHECKING:
    SourceField = Source
else:
    SourceField = chosen("tasks.sources", Source)
"""Pydantic type of a field that holds a source."""


def read_all(
    sources: Iterable[Source], told: Callable[[str, Path], None] = lambda name, path: None
) -> Iterator[Item]:
    """Rows of several sources, in which every file has a name of its own: the second `rows.csv` is `rows.csv#2`.

    Args:
        sources: what to read, in order.
        told: is called with the name and the path of each file.
    """
    names = Names()
    for source in sources:
        for path, rows in source.by_file():
            own: dict[str, str] = {}
            if path is not None:
                own[path.name] = names.own(shown(path.name))
                told(own[path.name], path)
            for row in rows:
                if row.file not in own:
                    own[row.file] = names.own(row.file)
                yield row if own[row.file] == row.file else replace(row, file=own[row.file])


def shown(path: str) -> str:
    """A file's name or path as text, with what is no character spelt out."""
    return composed(os.fsencode(path).decode("utf-8", "backslashreplace"))


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
    """The sha256 of a file's bytes; remembered for as long as it stays as it is."""
    try:
        return known(path, "sha256", lambda: digest(path))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}") from error


def record(
    fields: Mapping[str, Any], made: Mapping[str, Made], group: str | None, file: str, line: int, part: str
) -> Record:
    """A row with canonical columns made of its own (`made`), and with its group; a column that is renamed is gone."""
    row = dict(fields)
    if made:
        renamed = set(made.values())
        row = {name: value for name, value in fields.items() if name not in renamed}
        row.update((name, columns.value(fields, found)) for name, found in made.items())
    return Record(row, file, line, part, as_group(columns.value(fields, group)) if group else "")


def matches(pattern: str, given: str = "the path in the recipe") -> list[Path]:
    """The files that a path, an address or a glob names, sorted, in whatever form of Unicode.

    Args:
        pattern: what names them.
        given: where it was given, for the message that there is none.

    Raises:
        RecipeError: there is none.
        NetworkError: the store of an address does not answer.
    """
    expanded = expand(pattern)
    if remote.is_remote(expanded):
        return remote.fetched(expanded)
    for spelt in dict.fromkeys((expanded, composed(expanded), normalize("NFD", expanded))):
        try:
            if Path(spelt).exists():
                return [Path(spelt)]
            found = sorted(Path(name) for name in glob(spelt, recursive=True) if Path(name).is_file())
        except OSError as error:
            raise RecipeError(f"{spelt} cannot be read: {error.strerror or error}") from error
        if found:
            return found
    raise RecipeError(f"{pattern}: no such file; check {given} (tried: {tried(expanded)})")


def check_readable(path: Path, workbook: bool = False) -> None:
    """Raises a RecipeError that says in one line what keeps the file from being read.

    Args:
        path: the file.
        workbook: whether a workbook is what is wanted.
    """
    try:
        if path.is_dir():
            raise RecipeError(f"{path} is a folder; name its files, for example {path}/*.jsonl.gz")
        if path.stat().st_size == 0:
            raise RecipeError(f"{path} is empty; leave it out or fill it")
        meant = next((item for item in PACKINGS if path.name.lower().endswith(item.suffix)), None)
        found = packing(path)
        if meant is not None and found is None:
            raise RecipeError(
                f"{path} is not {meant.name} at all, though its name ends with {meant.suffix}; rename or pack it"
            )
        if found is not None and _is_empty(path):
            raise RecipeError(f"{path} is empty when unpacked; leave it out or fill it")
        if not workbook:
            check_form(path)
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror or error}") from error


def _is_empty(path: Path) -> bool:
    try:
        with opened(path) as file:
            return not file.read(1)
    except Broken:
        return False  # broken further on: reading names the line
