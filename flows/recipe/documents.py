"""A recipe's text as plain values, with the line each value stands on, environment variables filled in and
overrides put in place. What the values mean is `Recipe`'s business.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.own_code import ROOT
from flows.recipe import overrides, yaml_text
from flows.recipe.yaml_text import Place, YamlError
from models.errors import RecipeError
from tasks.environment import FILLED

_VARIABLE = re.compile(r"\$\{(\w+)\}")

_RECIPES = ROOT / "recipes"
"""Those that come with Headwater, in a checkout and in an installed package."""
_MOST = 10_000_000
"""Bytes of a recipe."""


@dataclass
class Document:
    """A recipe's values, and where each comes from."""

    path: Path
    value: dict[str, Any]
    lines: dict[Place, int]
    """Line of each key and list item in the file, from 1."""
    written: dict[Place, str]
    """How each number, true and false is written in the file."""
    overridden: dict[Place, str] = field(default_factory=dict)
    """Values that an override gave, with its dotted path."""
    found: tuple[str, ...] = ()
    """Where it was found, where that is not what was asked for."""

    def where(self, place: Place) -> str:
        """`file, line 3: a.b.c` or `--set a.b.c`: what a message about a value starts with."""
        for end in range(len(place), 0, -1):
            if place[:end] in self.overridden:
                return f"--set {self.overridden[place[:end]]}"
        line = next(
            (self.lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in self.lines), 1
        )
        dotted = ".".join(str(part) for part in place)
        return f"{self.path}, line {line}" + (f": {dotted}" if dotted else "")

    def take_as_written(self, places: Iterable[Place]) -> bool:
        """Make the numbers, true and false at `places`, where texts are needed, the texts that they are written as;
        whether there were any. What an override gave is left as it is."""
        found = False
        for place in places:
            ends = [place[:end] for end in range(1, len(place) + 1)]
            if any(end in self.overridden for end in ends):
                continue
            for *above, last in (end for end in ends if end in self.written):
                holder: Any = self.value
                for part in above:
                    holder = holder[part]
                holder[last] = self.written.pop((*above, last))
                found = True
        return found


def load(path: Path, settings: Mapping[str, Any]) -> Document:
    """Read a recipe's text.

    Args:
        path: the file.
        settings: values by dotted path that go before those of the file.

    Raises:
        RecipeError: the file is missing, empty or not YAML, a setting leads nowhere, or a variable is not set.
    """
    shipped = _shipped(path)
    document = _read(shipped or path)
    if shipped is not None:
        document.found = (f"{path} is not here; taken is the one that comes with Headwater: {shipped}",)
    for dotted, value in settings.items():
        document.overridden[overrides.put(document.value, dotted, value)] = dotted
    document.value = _expand(document, document.value, ())
    return document


def _shipped(path: Path) -> Path | None:
    """The recipe that comes with Headwater by this name, `demo` or `recipes/demo.yaml`, where there is no such file."""
    if path.exists() or str(path.parent) not in (".", _RECIPES.name):
        return None
    found = _RECIPES / (path.name if path.suffix else f"{path.name}.yaml")
    return found if found.is_file() else None


def _read(path: Path) -> Document:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST + 1)
        if len(raw) > _MOST:
            raise RecipeError(f"{path}: larger than {_MOST / 1e6:.0f} MB, which is no recipe; check the path")
        text = raw.decode("utf-8")
    except FileNotFoundError as error:
        beside = path.parent.glob("*.y*ml") if path.parent.is_dir() else ()
        here = [item.name for item in beside if not item.name.endswith("prefect.yaml")]
        known = sorted({*here, *(item.name for item in _RECIPES.glob("*.yaml"))})
        near = difflib.get_close_matches(path.stem, [Path(name).stem for name in known], n=1)
        meant = [name for name in known if Path(name).stem in near]
        check = "" if here else f"; check the path ({path.absolute()})"
        hint = f": did you mean '{meant[0]}'?" if meant else f": known are {', '.join(known)}"
        raise RecipeError(f"{path}: no such recipe{check}{hint}") from error
    except OSError as error:
        raise RecipeError(f"{path}: the recipe cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"{path}: the recipe is not UTF-8 at byte {error.start}; save it as UTF-8"
        ) from error
    try:
        value, lines, written = yaml_text.parse(text)
    except YamlError as error:
        line = "" if error.line is None else f", line {error.line}"
        raise RecipeError(f"{path}{line}: {error}") from error
    if not isinstance(value, dict):
        kind = "empty" if value is None else "a list" if isinstance(value, list) else "a single value"
        raise RecipeError(f"{path}: a recipe is a mapping (key: value), this file is {kind}")
    return Document(path, value, lines, written)


def _expand(document: Document, value: Any, place: Place) -> Any:
    """`value` with each `${VARIABLE}` filled in from the environment."""
    if isinstance(value, dict):
        return {key: _expand(document, item, (*place, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(document, item, (*place, index)) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        filled = os.environ.get(name)
        if not filled:
            raise RecipeError(
                f"{document.where(place)}: the environment variable {name} is not set; "
                f"set it to your folder: export {name}=/path/to/it"
            )
        FILLED[name] = filled
        return filled

    return _VARIABLE.sub(fill, value)
