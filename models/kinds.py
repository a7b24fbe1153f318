"""Parts of a configuration that are picked by `kind`, the name of the module that defines them."""

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, SerializeAsAny, ValidationInfo
from pydantic_core import CoreSchema

from models import outside
from models.config import Config, did_you_mean


class Chosen(Config):
    """A part picked by `kind`, the name of the module that defines it: one part, one file."""

    kind: str = Field(description="Which one: a name of ours, or the path of a module of your own.")

    def modules(self) -> tuple[str, ...]:
        """The module that defines this part, and those its own settings choose."""
        return tuple(dict.fromkeys((type(self).__module__, *super().modules())))


@functools.cache
def kinds(package: str) -> tuple[str, ...]:
    """Names of the modules in `package`: what `kind` may be, beside what comes from outside."""
    if not package:
        return ()
    return tuple(
        sorted(info.name for info in pkgutil.iter_modules(importlib.import_module(package).__path__))
    )


def find(package: str, kind: str, base: type[Chosen]) -> type[Chosen]:
    """The subclass of `base`, with nothing left abstract, that the module `package.kind` or one from outside defines.

    Raises:
        ValueError: there is no such module, naming the closest one; it cannot be imported, or defines no one class.
    """
    known, others = kinds(package), outside.installed(base)
    if kind in known:
        return outside.only_class(importlib.import_module(f"{package}.{kind}"), base)
    if kind not in others and not outside.is_path(kind):
        raise ValueError(f"unknown kind '{kind}'{did_you_mean(kind, [*known, *others])}")
    return outside.found(others.get(kind, kind), base)


def chosen(package: str, base: type[Chosen]) -> Any:
    """The pydantic type of a field that holds one of the parts in `package`, or one from outside.

    A bare text means `{kind: …}`.

    Args:
        package: ours; empty where there are none of ours.
        base: what all of them are.
    """

    def load(value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, base):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
            known = [*kinds(package), *outside.installed(base)]
            raise ValueError(f"needs a 'kind', one of {', '.join(known) or 'your own'}")
        kind = value["kind"]
        part = find(package, kind, base)
        # A short name may mean something else on another machine, or nothing: its path is kept.
        path = kind if kind in kinds(package) else outside.installed(base).get(kind, kind)
        return part.model_validate({**value, "kind": path}, context=info.context)

    return Annotated[SerializeAsAny[base], BeforeValidator(load), _OneOf(package, base)]


class _OneOf:
    """What stands in the JSON schema for a part that is picked by `kind`: all there are, each with its fields."""

    def __init__(self, package: str, base: type[Chosen]) -> None:
        self._package, self._base = package, base

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        names = [*kinds(self._package), *outside.installed(self._base)]
        parts = [find(self._package, name, self._base).__pydantic_core_schema__ for name in names]
        path = {"type": "string", "pattern": r"^\w+(\.\w+)+$", "format": "a module"}
        own = {"type": "object", "properties": {"kind": path}, "required": ["kind"]}
        if not parts:
            return {"anyOf": [own, path]}
        union = {"oneOf": [handler(part) for part in parts], "discriminator": {"propertyName": "kind"}}
        return {"anyOf": [union, {"type": "string", "enum": names}, own, path]}
