"""Sources: published formats -> canonical rows. One file a source; `kind` is the name of its module."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.config import Chosen, chosen
from models.errors import RecipeError
from models.records import Record, Rejected

__all__ = ["Record", "Rejected", "Source", "SourceField", "content", "expand"]

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


SourceField = chosen("tasks.sources", Source)
"""Pydantic type of a field that holds a source."""


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


def identities(paths: list[Path]) -> list[Any]:
    """Content of files in order: what stands in a key in place of their paths."""
    return [content(path) for path in paths]
