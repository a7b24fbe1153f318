"""A recipe's text as plain values, with the line each value stands on, environment variables filled in and
overrides put in place. What the values mean is `flows.recipe`'s business.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from models.config import did_you_mean
from models.errors import RecipeError

Place = tuple[str | int, ...]
"""Where a value stands: keys and list indices from the top."""

_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass
class Document:
    """A recipe's values, and where each comes from."""

    path: Path
    value: dict[str, Any]
    lines: dict[Place, int]
    """Line of each key and list item in the file, from 1."""
    overridden: dict[Place, str]
    """Values that an override gave, with its dotted path."""

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


def load(path: Path, overrides: Mapping[str, Any]) -> Document:
    """Read a recipe's text.

    Raises:
        RecipeError: the file is missing, empty or not YAML, an override leads nowhere, or a variable is not set.
    """
    document = _read(path)
    document.value = _own(document.value)
    for dotted, value in overrides.items():
        _override(document, dotted, value)
    document.value = _expand(document, document.value, ())
    return document


def _own(value: Any) -> Any:
    """A copy in which no two places share a value, as a YAML alias makes them: an override is for one of them."""
    if isinstance(value, Mapping):
        return {key: _own(item) for key, item in value.items()}
    return [_own(item) for item in value] if isinstance(value, list) else value


def parse_overrides(settings: list[str]) -> dict[str, Any]:
    """`a.b=value` texts as a mapping; values are read as YAML, so `[1, 2]`, `true` and `null` are what they seem.

    Raises:
        RecipeError: a setting has no `=`, or its value is not YAML.
    """
    overrides: dict[str, Any] = {}
    for setting in settings:
        dotted, equals, text = setting.partition("=")
        if not equals or not dotted.strip():
            raise RecipeError(f"--set {setting}: write it as dotted.path=value, such as seed=2")
        try:
            overrides[dotted.strip()] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise RecipeError(f"--set {setting}: the value is not YAML ({_problem(error)})") from error
    return overrides


def _read(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        near = sorted(str(item) for item in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = did_you_mean(str(path), near) if near else "; check the path"
        raise RecipeError(f"{path}: no such recipe{hint}") from error
    except OSError as error:
        raise RecipeError(f"{path}: the recipe cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"{path}: the recipe is not UTF-8 at byte {error.start}; save it as UTF-8"
        ) from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}{_line_of(error)}: not YAML ({_problem(error)})") from error
    if root is None or not isinstance(value, dict):
        raise RecipeError(f"{path}: a recipe is a mapping (key: value), this file is {_kind(value)}")
    lines: dict[Place, int] = {}
    for place, line in _lines(root, ()):
        if place in lines and isinstance(place[-1], str):
            raise RecipeError(
                f"{path}, line {line}: '{place[-1]}' stands twice, first on line {lines[place]}"
            )
        lines[place] = line
    return Document(path, value, lines, {})


def _lines(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*place, str(key.value)), key.start_mark.line + 1
            yield from _lines(value, (*place, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*place, index), value.start_mark.line + 1
            yield from _lines(value, (*place, index))


def _kind(value: Any) -> str:
    return "empty" if value is None else "a list" if isinstance(value, list) else "a single value"


def _line_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark is not None else ""


def _problem(error: yaml.YAMLError) -> str:
    return " ".join(str(getattr(error, "problem", None) or error).split())


def _override(document: Document, dotted: str, value: Any) -> None:
    """Put one value in place; mappings on the way there are made where they are missing."""
    *parents, last = dotted.split(".")
    here: Any = document.value
    place: Place = ()
    for part in parents:
        key = _key(here, part, dotted)
        if isinstance(here, dict) and here.get(key) is None:
            here[key] = {}
        if isinstance(here[key], str):  # the short form `mlm` of `{kind: mlm}`
            here[key] = {"kind": here[key]}
        place, here = (*place, key), here[key]
    key = _key(here, last, dotted)
    here[key] = value
    document.overridden[(*place, key)] = dotted


def _key(here: Any, part: str, dotted: str) -> str | int:
    """What `part` names in `here`: a key, or in a list an index or the name of an entry."""
    if isinstance(here, dict):
        return part
    if not isinstance(here, list):
        raise RecipeError(f"--set {dotted}: '{part}' leads nowhere, there is a single value above it")
    if part.isdecimal() and int(part) < len(here):
        return int(part)
    names = [_name(item) for item in here]
    if part not in names:
        known = [name for name in names if name] or [str(index) for index in range(len(here))]
        raise RecipeError(f"--set {dotted}: no entry '{part}' in the list{did_you_mean(part, known)}")
    return names.index(part)


def _name(item: Any) -> str:
    """The name of a list's entry: its `name`, else the kind of what it is about."""
    while isinstance(item, dict):
        item = next((item[key] for key in ("name", "kind", "downstream", "objective") if key in item), "")
    return str(item)


def _expand(document: Document, value: Any, place: Place) -> Any:
    """`value` with each `${VARIABLE}` filled in from the environment."""
    if isinstance(value, dict):
        return {key: _expand(document, item, (*place, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(document, item, (*place, index)) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def fill(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise RecipeError(
                f"{document.where(place)}: the environment variable {match[1]} is not set; "
                f"set it to your folder: export {match[1]}=/path/to/it"
            )
        return found

    return _VARIABLE.sub(fill, value)
