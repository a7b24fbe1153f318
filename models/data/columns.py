"""Which columns of a file make a canonical one: one of them, a field inside one, several, or a template.

A name is looked up as it stands first, so that a column may be called `a.b` or `{a}`. Else `{subject}: {body}` is a
template, and `doc.body` or `messages.0.content` the path of a value inside another.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator

from models.data.comparison import composed
from models.data.values import Misfit, fitted
from models.late import pl

_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")
_INDEX = re.compile(r"-?[0-9]+")


def _named(made: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if not made:
        raise ValueError("name at least one column")
    return composed(made) if isinstance(made, str) else tuple(composed(item) for item in made)


Made = Annotated[str | tuple[str, ...], AfterValidator(_named)]
"""A column's name, the path of a value, a template, or several of these, which are joined by line ends."""


def value(fields: Mapping[str, Any], made: Made) -> Any:
    """What stands in the columns of a row: the very value of one, the text of several.

    Empty ones are left out of several, and are empty in a template; where all are, there is no value. A list or an
    object is no text: it stands for the whole, so that whoever checks the row names it.
    """
    try:
        if not isinstance(made, str):
            return "\n".join(text for item in made if (text := _text(value(fields, item))).strip()) or None
        if made in fields or not is_template(made):
            return _at(fields, made)
        texts = {name: _text(_at(fields, name)) for name in names(made)}
    except _NoText as error:
        return error.value
    return _filled(made, texts) if any(text.strip() for text in texts.values()) else None


def is_template(made: str) -> bool:
    """Whether a text has `{…}` with a name inside."""
    return any(found[1] for found in _FIELD.finditer(made))


def names(made: Made) -> tuple[str, ...]:
    """The names in it, each once."""
    if not isinstance(made, str):
        return tuple(dict.fromkeys(name for item in made for name in names(item)))
    found = [item[1].strip() for item in _FIELD.finditer(made) if item[1]]
    return tuple(dict.fromkeys(found)) or (made,)


def unknown(made: Made, known: Collection[str], nested: bool = False) -> Iterator[str]:
    """The names in it that a file with the columns `known`, in which others may be nested, does not have."""
    if isinstance(made, str) and made in known:
        return
    if not isinstance(made, str):
        for item in made:
            yield from unknown(item, known, nested)
        return
    for name in names(made):
        if name not in known and not (nested and any(head in known for head, _ in _cuts(name))):
            yield name


def paths(row: Any, place: str = "") -> Iterator[str]:
    """The names in a row, with those inside other values as paths."""
    items = row.items() if isinstance(row, Mapping) else enumerate(row[:9]) if isinstance(row, list) else ()
    for name, item in items:
        here = f"{place}.{name}" if place else str(name)
        yield here
        yield from paths(item, here)


def example(made: Made, text: str) -> dict[str, Any]:
    """A row with `text` in each of its columns."""
    whole: dict[str, Any] = {}
    for name in names(made):
        place, parts = whole, name.split(".")
        for part in parts[:-1]:
            inner = place.setdefault(part, {})
            place = inner if isinstance(inner, dict) else place
        place[parts[-1]] = text
    return {name: _with_lists(item) for name, item in whole.items()}


class _NoText(Exception):
    """A value that is no text, where one of several is to be put."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _text(item: Any) -> str:
    if item is None or (isinstance(item, float) and math.isnan(item)):
        return ""
    try:
        return fitted(item, pl.String())
    except Misfit:
        raise _NoText(item) from None


def _filled(template: str, texts: Mapping[str, str]) -> str:
    def put(found: re.Match[str]) -> str:
        return texts[found[1].strip()] if found[1] else found[0][0]

    return _FIELD.sub(put, template)


def _at(item: Any, name: str) -> Any:
    """The value of a name, or of a path; None where there is none."""
    if isinstance(item, Mapping):
        if name in item:
            return item[name]
        return next((_at(item[head], rest) for head, rest in _cuts(name) if head in item), None)
    if isinstance(item, Sequence) and not isinstance(item, str | bytes):
        head, _, rest = name.partition(".")
        if _INDEX.fullmatch(head) and -len(item) <= int(head) < len(item):
            return _at(item[int(head)], rest) if rest else item[int(head)]
    return None


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """A path as a name and the path below it, the longest name first: a column may have dots in its own."""
    at = name.rfind(".")
    while at > 0:
        yield name[:at], name[at + 1 :]
        at = name.rfind(".", 0, at)


def _with_lists(item: Any) -> Any:
    """Nested values in which what is named by numbers is a list."""
    if not isinstance(item, dict):
        return item
    if not all(_INDEX.fullmatch(name) for name in item):
        return {name: _with_lists(inner) for name, inner in item.items()}
    length = 1 + max(int(name) for name in item) if any(int(name) >= 0 for name in item) else 1
    last = next(iter(item.values()))
    return [_with_lists(item.get(str(at), last)) for at in range(length)]
