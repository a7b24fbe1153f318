"""Values as files hold them, in the types that rows have. None is bent: what does not fit is named and refused.

A TSV file holds numbers as text, a JSON file labels as numbers, and a spreadsheet whole numbers as `1.0`: none of
these is wrong, since the value stays what it is. A fraction where a whole number is wanted, or an object where a text
is, would become another value, and is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from models.data.comparison import as_label
from models.data.records import as_text
from models.late import pl

_WRITTEN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""A number as text files have it."""

SHOWN = 80
"""Characters of a refused value that are shown."""


class Misfit(ValueError):
    """A value that cannot have a type, with where it stands inside its column.

    Attributes:
        place: dotted names below the column, such as `start`; "" where it is the column's own value.
        reason: a short category that can be counted.
        value: as JSON, cut after `SHOWN` characters.
    """

    def __init__(self, reason: str, value: Any, place: str = "") -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.place, self.reason = place, reason
        self.value = as_text(value)[:SHOWN]

    def below(self, name: str) -> Misfit:
        """The same, seen from what holds it under `name`."""
        self.place = f"{name}.{self.place}" if self.place else name
        return self


@dataclass(frozen=True)
class Unreadable:
    """A value that Python cannot have, or that is none; as JSON it is an object, which no column is asked for."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def column(values: Iterable[Any], kind: pl.DataType) -> tuple[pl.Series, dict[int, Misfit]]:
    """Values of one column in a type, missing where they do not fit; and by row, why they do not."""
    fitting: list[Any] = []
    misfits: dict[int, Misfit] = {}
    for row, value in enumerate(values):
        try:
            fitting.append(fitted(value, kind))
        except Misfit as misfit:
            misfits[row] = misfit
            fitting.append(None)
    return pl.Series(fitting, dtype=kind), misfits


def fitted(value: Any, kind: pl.DataType) -> Any:
    """A value as one of `kind`; None where it is missing: null and NaN.

    Raises:
        Misfit: it would become another value.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(kind, pl.List):
        return _items(value, kind)
    if isinstance(kind, pl.Struct):
        return _fields(value, kind)
    if kind == pl.String:
        return _text(value)
    if kind == pl.Boolean:
        return _truth(value)
    if kind.is_integer():
        return _whole(value)
    if kind.is_float():
        return _number(value)
    raise AssertionError(f"no row has a column of type {kind}")


def _items(value: Any, kind: pl.List) -> list[Any]:
    if not isinstance(value, list):
        raise Misfit("an object, not a list" if isinstance(value, Mapping) else "not a list", value)
    return [fitted(item, kind.inner) for item in value]  # type: ignore[arg-type]


def _fields(value: Any, kind: pl.Struct) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Misfit("not an object", value)
    made = {}
    for field in kind.fields:
        if field.name not in value:
            there = ", ".join(sorted(map(str, value)))[:SHOWN]
            raise Misfit(f"missing; there are {there}" if there else "missing", value, field.name)
        try:
            made[field.name] = fitted(value.get(field.name), field.dtype)  # type: ignore[arg-type]
        except Misfit as misfit:
            raise misfit.below(field.name) from None
    return made


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    raise Misfit("not a text", value)


def _truth(value: Any) -> bool:
    known = {"true": True, "false": False, "1": True, "0": False}
    named = str(as_label(value)).lower()
    if named not in known:
        raise Misfit("neither true nor false", value)
    return known[named]


def _whole(value: Any) -> int:
    number = _number(value, "not a whole number")
    if isinstance(number, float) and not number.is_integer():
        raise Misfit("not a whole number", value)
    if not -(2**63) <= number < 2**63:
        raise Misfit("too large", value)
    return int(number)


def _number(value: Any, reason: str = "not a number") -> float | int:
    """A number, or a text that is one; infinite ones are none."""
    number = _read(value.strip()) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise Misfit(reason, value)
    try:
        finite = math.isfinite(number)
    except OverflowError:
        raise Misfit("too large", value) from None
    if not finite:
        raise Misfit(reason, value)
    return number


def _read(text: str) -> float | int | None:
    """The number that a text is; None where it is none."""
    if not _WRITTEN.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)
