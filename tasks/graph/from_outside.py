"""Code that is neither Headwater's nor a library's: plug-ins, and the modules that they are made of.

It has no version, or one that does not change with each edit, so keys take it in as they take in our own code.
"""

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from models.outside import OURS
from tasks.graph.remembered import Remembered


def is_code(name: str, chosen: frozenset[str]) -> bool:
    """Whether a module's own lines count, and not the version of its library.

    Args:
        chosen: the top packages of what a recipe names; they count although they may be installed.
    """
    top = name.split(".")[0]
    if top in OURS:
        return False
    return top in chosen or not (top in sys.stdlib_module_names or top in distributions())


@functools.cache
def distributions() -> Mapping[str, list[str]]:
    """Installed libraries by the packages they bring. To read what each says takes a while: they are remembered for as
    long as the same ones are installed."""
    known = Remembered("libraries", sys.version)
    installed = hashlib.sha256("\n".join(_installed()).encode()).hexdigest()
    found = known.of(installed, lambda: {**importlib.metadata.packages_distributions()})
    known.keep()
    return found


def _installed() -> Iterator[str]:
    """What says which libraries there are, and that one is another since."""
    for folder in sys.path:  # an empty one is the working directory
        with suppress(OSError), os.scandir(os.path.abspath(folder)) as entries:
            about = [item for item in entries if item.name.endswith((".dist-info", ".egg-info", ".egg-link"))]
            yield from sorted(f"{item.path} {item.stat(follow_symlinks=False).st_mtime_ns}" for item in about)


def file_of(name: str) -> Path | None:
    """The file of a module, which is not imported for it; None where there is none."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is not None and file.endswith(".py"):
        return Path(file)
    top, *rest = name.split(".")
    for base in (folder.joinpath(*rest) for folder in _folders(top)):
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


def data_of(name: str) -> Path | None:
    """A data file in a package, named by its place from the package's parent."""
    top, *rest = Path(name).parts
    paths = (folder.joinpath(*rest) for folder in _folders(top) if rest)
    return next((path for path in paths if path.is_file()), None)


def place_of(name: str, path: Path) -> str:
    """Where a module lies, seen from the parent of its top package."""
    return f"{name.replace('.', '/')}{'/__init__' if path.name == '__init__.py' else ''}.py"


def _folders(top: str) -> Iterator[Path]:
    """Where a top package, or a module by itself, has its modules."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # such as that of a script that is being run
        return
    if spec is None:
        return
    if spec.submodule_search_locations is not None:
        yield from map(Path, spec.submodule_search_locations)
    elif spec.origin is not None and spec.origin.endswith(".py"):
        yield Path(spec.origin).with_suffix("")
