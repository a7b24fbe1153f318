"""numpy and polars, loaded when something is first taken from them.

That takes a quarter of a second, which whoever reads a recipe is spared, though the modules that hold its settings
compute with both. Such a module takes them from here, does not evaluate its annotations (`from __future__ import
annotations`), and has no constant made of either.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any


class _Late:
    """A library by its name; what was asked for once is an attribute."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self._name), name)
        setattr(self, name, found)
        return found

    def __reduce__(self) -> "tuple[type[_Late], tuple[str]]":
        return _Late, (self._name,)


if TYPE_CHECKING:
    import numpy as np
    import polars as pl
else:
    np, pl = _Late("numpy"), _Late("polars")
