"""Parts of a configuration that are picked by `kind`, the name of the module that defines them."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationInfo

from models.config import Config, did_you_mean


class Chosen(Config):
    """A part picked by `kind`, the name of the module that defines it: one part, one file."""

    kind: str = Field(description="Which one: the name of its module.")

    def modules(self) -> tuple[str, ...]:
        """The module that defines this part, and those its own settings choose."""
        return tuple(dict.fromkeys((type(self).__module__, *super().modules())))


def kinds(package: str) -> list[str]:
    """Names of the modules in `package`: what `kind` may be."""
    return sorted(info.name for info in pkgutil.iter_modules(importlib.import_module(package).__path__))


def find(package: str, kind: str, base: type[Chosen]) -> type[Chosen]:
    """The subclass of `base`, with nothing left abstract, that the module `package.kind` defines.

    Raises:
        ValueError: when there is no such module, naming the closest one.
    """
    known = kinds(package)
    if kind not in known:
        raise ValueError(f"unknown kind '{kind}'{did_you_mean(kind, known)}")
    module = importlib.import_module(f"{package}.{kind}")
    classes = [
        item
        for item in vars(module).values()
        if isinstance(item, type)
        and issubclass(item, base)
        and item.__module__ == module.__name__
        and not inspect.isabstract(item)
    ]
    assert len(classes) == 1, (
        f"{module.__name__} must define exactly one {base.__name__}, found {len(classes)}"
    )
    return classes[0]


def chosen(package: str, base: type[Chosen]) -> Any:
    """The pydantic type of a field that holds one of the parts in `package`; a bare string means `{kind: …}`."""

    def load(value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, base):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
            raise ValueError(f"needs a 'kind', one of {', '.join(kinds(package))}")
        return find(package, value["kind"], base).model_validate(dict(value), context=info.context)

    return Annotated[SerializeAsAny[base], BeforeValidator(load)]
