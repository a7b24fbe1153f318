"""Parts from outside: classes that a recipe names by the path of their module, or an installed package by entry points.

A path names a module with one such class, `my_package.my_task`, or the class itself, `my_package.my_task.Mine`.
"""

import functools
import importlib
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from models.config import did_you_mean

OURS = ("flows", "tasks", "models")
"""What nobody else's package can be called."""
_ABOVE = __name__.rpartition(".")[0].rpartition(".")[0]
"""The package that this code is a copy in, as beside a served model; the code of others lies in it too."""
_looked_in: list[str] = []


@functools.cache
def installed(base: type) -> Mapping[str, str]:
    """Short names that installed packages give to classes of theirs, with the path of each.

    Their group is called after the base: `headwater.downstreams` for a `Downstream`.
    """
    points = _entry_points().select(group=f"headwater.{base.__name__.lower()}s")
    return {point.name: point.value.replace(":", ".") for point in points}


@functools.cache
def _entry_points() -> Any:
    """Those of all installed packages: to read them takes a while."""
    return metadata.entry_points()


def forget() -> None:
    """Look anew for what is installed."""
    for known in (_entry_points, installed):
        known.cache_clear()


def look_in(folder: Path) -> None:
    """Find modules in a folder too, after all that is found already: nothing in it hides a module of ours."""
    place = str(folder.resolve())
    if place not in _looked_in:
        _looked_in.append(place)
    if place not in sys.path:
        sys.path.append(place)
        importlib.invalidate_caches()


def is_path(text: str) -> bool:
    """Whether a text is the path of a module or class, or the name of a module in a folder that is looked in."""
    if not all(part.isidentifier() for part in text.split(".")):
        return False
    return "." in text or any(Path(folder, f"{text}.py").is_file() for folder in _looked_in)


def found(path: str, base: type) -> Any:
    """The subclass of `base` that a path names.

    Raises:
        ValueError: there is no such module, it cannot be imported, or has no such class, or more than one.
    """
    top = path.split(".")[0]
    if top in OURS:
        raise ValueError(
            f"there is no '{path}': '{top}' is Headwater's own, so give your folder another name"
        )
    if (module := _imported(path)) is not None:
        return only_class(module, base)
    above, _, name = path.rpartition(".")
    if not above or (module := _imported(above)) is None:
        raise ValueError(f"there is no module '{path}'{_near(path)}")
    item = vars(module).get(name) or _class_called(name, _classes(module, base))
    if isinstance(item, type) and issubclass(item, base) and not inspect.isabstract(item):
        return item
    known = [*_modules_in(module), *(item.__name__ for item in _classes(module, base))]
    raise ValueError(f"{above} has no '{name}'{did_you_mean(name, known) if known else ''}")


def only_class(module: ModuleType, base: type) -> Any:
    """The one subclass of `base`, with nothing left abstract, that a module defines.

    Raises:
        ValueError: there is none, or more than one.
    """
    every = _classes(module, base)
    whole = [item for item in every if not inspect.isabstract(item)]
    if len(whole) == 1:
        return whole[0]
    if whole:
        names = " or ".join(f"{module.__name__}.{item.__name__}" for item in whole)
        raise ValueError(f"{module.__file__} has {len(whole)} classes of {base.__name__}: name one, {names}")
    if every:
        missing = ", ".join(sorted(getattr(every[0], "__abstractmethods__", ())))
        raise ValueError(f"{module.__file__}: {every[0].__name__} still lacks {missing}")
    raise ValueError(f"{module.__file__} has no subclass of {base.__name__}")


def _classes(module: ModuleType, base: type) -> list[type]:
    return [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, base) and item.__module__ == module.__name__
    ]


def _class_called(name: str, classes: list[type]) -> type | None:
    """`cost_of_errors` may name `CostOfErrors`."""
    return next((item for item in classes if item.__name__.lower() == name.replace("_", "").lower()), None)


def _imported(path: str) -> ModuleType | None:
    """A module; None where there is none.

    Raises:
        ValueError: there is one, and it cannot be imported.
    """
    name = f"{_ABOVE}.{path}" if _ABOVE else path
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            return None
        raise ValueError(f"'{path}' cannot be imported: {_what_is_wrong(error)}") from error
    except Exception as error:  # somebody else's code, which may raise anything
        raise ValueError(f"'{path}' cannot be imported: {_what_is_wrong(error)}") from error


def _what_is_wrong(error: Exception) -> str:
    """An error of somebody else's module, with the file and the line it came from."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    words = " ".join(str(error).split())
    frames = [item for item in traceback.extract_tb(error.__traceback__) if "<frozen" not in item.filename]
    at = next((item for item in reversed(frames) if _is_looked_in(item.filename)), frames[-1])
    return f"{at.filename}, line {at.lineno}: {type(error).__name__}: {words}"


def _is_looked_in(file: str) -> bool:
    return any(Path(file).is_relative_to(folder) for folder in _looked_in)


def _near(path: str) -> str:
    """What ends the message that there is no such module: the closest one, or where it was looked for."""
    above, _, last = path.rpartition(".")
    if above and (module := _imported(above)) is not None:
        known = _modules_in(module)
        return did_you_mean(last, known) if known else f": '{above}' is no folder with modules"
    top = path.split(".")[0]
    beside = sorted({*_beside()} - {*OURS})
    hint = did_you_mean(top, beside) if beside else ""
    places = ", ".join(_looked_in)
    return hint if "mean" in hint else f"; it would be looked for in installed packages and in {places}"


def _modules_in(module: ModuleType) -> list[str]:
    return [info.name for info in pkgutil.iter_modules(getattr(module, "__path__", ()))]


def _beside() -> Iterator[str]:
    """Modules, and folders with some, where others' modules are looked for."""
    for path in (path for folder in _looked_in for path in Path(folder).iterdir()):
        if path.suffix == ".py" or (path.is_dir() and next(path.glob("*.py"), None) is not None):
            yield path.stem
