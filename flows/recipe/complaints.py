"""What pydantic finds wrong in a recipe, said in one line each: where, what, and what would be right."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flows.recipe import elsewhere
from flows.recipe.documents import Document
from flows.recipe.yaml_text import Place
from models.config import did_you_mean

Schema = Callable[[], dict[str, Any]]
_NEEDED = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "a text",
    "tuple": "a list",
    "list": "a list",
    "model": "a mapping (key: value)",
    "dict": "a mapping (key: value)",
    "mapping": "a mapping (key: value)",
    "path": "a path",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def complaints(error: ValidationError, document: Document, schema: Schema) -> list[str]:
    """One line for each thing that is wrong; `schema` makes the JSON schema of recipes."""
    errors = error.errors(include_url=False)
    places = [tuple(item["loc"]) for item in errors]
    # A list that lost its broken items is too short only because of them.
    return [
        _line(item, document, schema)
        for item, place in zip(errors, places, strict=True)
        if item["type"] != "too_short" or not any(_below(other, place) for other in places)
    ]


def _below(inner: Place, outer: Place) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _line(item: ErrorDetails, document: Document, schema: Schema) -> str:
    place: Place = tuple(item["loc"])
    context: Mapping[str, Any] = item.get("ctx", {})
    if item["type"] == "unknown_key":
        key = str(context["key"])
        where = (
            "" if "did you mean" in context["hint"] else elsewhere.hint(key, document.value, place, schema())
        )
        return f"{document.where((*place, key))}: unknown key '{key}'{where or context['hint']}"
    elif item["type"] == "missing":
        return f"{document.where(place[:-1])}: '{place[-1]}' is missing"
    return f"{document.where(place)}: {_words(item, context)}"


def _words(item: ErrorDetails, context: Mapping[str, Any]) -> str:
    kind, given = item["type"], item["input"]
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        bound = context[name]
        return f"must be {words} {bound if isinstance(bound, int) else f'{bound:g}'}, not {_shown(given)}"
    if kind == "literal_error":
        known = [str(option).strip() for option in str(context["expected"]).replace(" or ", ", ").split(",")]
        return f"unknown value {_shown(given)}{did_you_mean(str(given), [option.strip(chr(39)) for option in known])}"
    if kind in ("too_short", "too_long"):
        bound = (
            f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        )
        return f"needs {bound} of them"
    needed = _NEEDED.get(kind.rsplit("_", 1)[0]) or _NEEDED.get(kind.split("_")[0])
    if needed is not None and kind.endswith(("_type", "_parsing", "_from_float", "_number")):
        quotes = "; put it in quotes" if kind == "string_type" and not isinstance(given, dict | list) else ""
        return f"needs {needed}, not {_shown(given)}{quotes}"
    return item["msg"].removeprefix("Value error, ")


def _shown(value: Any) -> str:
    """A value as it stands in a recipe, short."""
    special: dict[type, Callable[[Any], str]] = {
        type(None): lambda _: "null",
        bool: lambda given: str(given).lower(),
        dict: lambda _: "a mapping",
        list: lambda _: "a list",
        str: lambda given: f"'{given[:60]}'",
    }
    return special.get(type(value), str)(value)[:62]
