"""Paths that a recipe names: seen from the recipe's folder first, then from the working directory.

A field that holds one has the type `RecipePath`. As a recipe is read, with a `Places` as context, such a path becomes
one that can be opened from the working directory; a path that is whole (`/…`, `~/…`) or remote (`s3://…`) stays as it
is. Paths are never part of a key: what bears identity is the content of files.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from glob import escape, iglob
from pathlib import Path
from typing import Annotated
from unicodedata import normalize

from pydantic import AfterValidator, ValidationInfo

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_tried: dict[str, tuple[str, ...]] = {}


@dataclass(frozen=True)
class Taken:
    """Where a path was found."""

    written: str
    folder: Path
    """The folder it was seen from."""
    beside: bool
    """Whether there is one in the working directory as well, which is not taken."""


@dataclass
class Places:
    """From where the paths of one recipe are seen, and from where each was taken."""

    folder: Path
    """The recipe's."""
    taken: list[Taken] = field(default_factory=list)

    def seen(self, path: str) -> str:
        """`path` as it can be opened from the working directory; as it is where there is no such file."""
        here = Path.cwd()
        whole = os.path.expanduser(path)
        if not path or _REMOTE.match(path) or os.path.isabs(whole) or self.folder.resolve() == here:
            return path
        from_recipe, from_here = _found(self.folder, whole), _found(Path(), whole)
        if from_recipe is None and from_here is None:
            _tried[path] = (str(self.folder.resolve() / whole), str(here / whole))
            return path
        taken = Taken(path, self.folder if from_recipe else here, bool(from_recipe and from_here))
        if taken not in self.taken:
            self.taken.append(taken)
        return from_recipe or path

    def lines(self) -> Iterator[str]:
        """What people want to know of it: a line for each folder that paths were taken from."""
        for folder in dict.fromkeys(item.folder for item in self.taken):
            found = [item for item in self.taken if item.folder == folder]
            beside = f" (there is one in {Path.cwd()} too)"
            shown = ", ".join(item.written + beside * item.beside for item in found)
            yield f"from {folder.resolve()}: {shown}"


def tried(path: str) -> str:
    """For messages on a path that leads nowhere: the whole paths that were tried."""
    whole = _tried.get(path) or (str(Path(os.path.expanduser(path)).absolute()),)
    return " and ".join(whole)


def _found(folder: Path, path: str) -> str | None:
    """The path or pattern of files from a folder; Unicode may be composed in the one and not in the other."""
    for spelt in dict.fromkeys((path, normalize("NFC", path), normalize("NFD", path))):
        try:
            if (folder / spelt).exists():
                return str(folder / spelt)
            pattern = os.path.join(escape(str(folder)), spelt)
            if next(iglob(pattern, recursive=True), None) is not None:
                return pattern
        except (OSError, ValueError):
            return None
    return None


def _seen(path: str, info: ValidationInfo) -> str:
    return info.context.seen(path) if isinstance(info.context, Places) else path


RecipePath = Annotated[str, AfterValidator(_seen)]
"""A path, or a pattern of paths, that a recipe names."""
