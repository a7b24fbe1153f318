"""Typed configuration that knows which part of it bears identity.

A step's key is made from its configuration *as far as it changes results*. Every configuration is a frozen
pydantic model; a field that changes no result (worker counts, paths, log levels) is marked `PLUMBING`.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, field_validator, model_validator
from pydantic_core import CoreSchema, PydanticCustomError

PLUMBING: dict[str, Any] = {"identity": False}
"""`json_schema_extra` of a field that does not bear identity."""


class Config(BaseModel):
    """Frozen settings; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    bare: ClassVar[str] = ""
    """The field that a bare word stands for, where one will do in place of a mapping."""
    filled_in: ClassVar[frozenset[str]] = frozenset()
    """Needed fields that may be left out all the same, since the others say what they are."""

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, value: Any) -> Any:
        """Names the first unknown key with the closest known one, which pydantic's own check does not."""
        if cls.bare and isinstance(value, str):
            return {cls.bare: value}
        known = list(cls.model_fields)
        for key in value if isinstance(value, Mapping) else ():
            if key not in known:
                hint = did_you_mean(str(key), known)
                raise PydanticCustomError(
                    "unknown_key", "unknown key '{key}'{hint}", {"key": key, "hint": hint}
                )
        return value

    @field_validator("*")
    @classmethod
    def _fits_into_a_word(cls, value: Any) -> Any:
        """Libraries count in 64 bits."""
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int) and abs(number) >= 2**63:
                raise ValueError(f"{number} is too large a number")
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """What editors know of it: what validators do before the fields are looked at stands in no field."""
        schema = handler(core_schema)
        own = handler.resolve_ref_schema(schema)
        if cls.filled_in:
            own["required"] = [name for name in own.get("required", ()) if name not in cls.filled_in]
        return {"anyOf": [schema, own["properties"][cls.bare]]} if cls.bare else schema

    def identity(self) -> Any:
        """What of this configuration changes results, as JSON-able values."""
        fields = type(self).model_fields
        return {
            name: identity(getattr(self, name))
            for name, field in fields.items()
            if not (
                isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("identity") is False
            )
        }

    def other_than_default(self, *names: str) -> list[str]:
        """Which of the fields, all of them where none is named, have been set to something of their own."""
        fields = type(self).model_fields
        return [
            name
            for name in names or fields
            if getattr(self, name) != fields[name].get_default(call_default_factory=True)
        ]

    def modules(self) -> tuple[str, ...]:
        """Names of the modules this configuration chooses, which are looked up at run time."""
        names = [module for child in _children(self) for module in child.modules()]
        return tuple(dict.fromkeys(names))


def identity(value: Any) -> Any:
    """JSON-able form of a configuration value.

    Raises:
        TypeError: for a value that cannot be hashed faithfully; never falls back to `str()`.
    """
    if isinstance(value, Config):
        return value.identity()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [identity(item) for item in value]
    if isinstance(value, Mapping):
        return {key: identity(value[key]) for key in sorted(value)}
    raise TypeError(
        f"{type(value).__name__} cannot be part of a key: use str, int, float, bool, a tuple, a mapping or a Config"
    )


def leaves(settings: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings, such as an identity, with their dotted names."""
    if not isinstance(settings, Mapping):
        yield name, settings
        return
    for key, item in settings.items():
        yield from leaves(item, f"{name}.{key}" if name else str(key))


def _children(value: Any) -> Iterator[Config]:
    """Configurations directly below `value`."""
    if isinstance(value, Config):
        items = [getattr(value, name) for name in type(value).model_fields]
    elif isinstance(value, Mapping):
        items = list(value.values())
    else:
        items = list(value)
    for item in items:
        if isinstance(item, Config):
            yield item
        elif isinstance(item, Mapping | list | tuple):
            yield from _children(item)


def did_you_mean(word: str, known: list[str]) -> str:
    """A hint that ends an error message: the closest known word, else all of them."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f": did you mean '{close[0]}'?" if close else f": known are {', '.join(sorted(known))}"
