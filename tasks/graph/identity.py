"""Keys: what an artifact is made of, hashed, so that the same work is never done twice.

A key takes in the step's name, its configuration as far as it changes results, the keys of its inputs, the
code it runs (the syntax tree of its module and of what that imports inside this project, or in a plug-in of somebody
else's, comments and docstrings aside) and the versions of the libraries that code imports.
"""

import functools
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from models import files
from models.config import Config, identity
from models.outside import OURS
from tasks.graph import from_outside, parsed
from tasks.graph.refs import Ref

ROOT = Path(__file__).resolve().parents[2]
# Machinery only moves bytes: an edit here changes no artifact.
_MACHINERY = (
    "tasks.graph",
    "tasks.running",
    "tasks.storage",
    "tasks.environment",
    "tasks.reading.remote",
    "tasks.reading.known",
)
_DATA = {".html", ".css", ".json"}
"""Files beside the code that come with the package."""
_NOT_NUMBERS = {"mlflow", "prefect", "psutil", "pydantic", "rich"}


def made_of(
    step: str, module: str, config: Config, inputs: "Mapping[str, Ref | tuple[Ref, ...] | None]"
) -> dict[str, Any]:
    """All that bears on an artifact; the `digest` of it is the artifact's key. Needs no run."""
    modules = [module, *config.modules()]
    return {
        "step": step,
        "config": identity(config),
        "inputs": {name: _input_key(value) for name, value in inputs.items()},
        "code": code_of(modules),
        "libraries": libraries_of(modules),
    }


def digest(value: Any) -> str:
    """SHA-256 of JSON-able values in canonical form."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _input_key(value: "Ref | tuple[Ref, ...] | None") -> Any:
    if value is None:
        return None
    return value.key if isinstance(value, Ref) else [ref.key for ref in value]


def code_of(modules: Iterable[str]) -> dict[str, str]:
    """Digest of each project module and data file that `modules` run, transitively.

    They are read once a process: what it runs does not change when a file does.
    """
    return {**_code_of(frozenset(modules))}


@functools.cache
def _code_of(modules: frozenset[str]) -> Mapping[str, str]:
    paths = _closure(modules)
    code = {name: parsed.digest_of(path) for name, path in paths.items()}
    for folder, place in sorted({_package_of(name, path) for name, path in paths.items()}):
        if place:
            code |= {f"{place}/{name}": made for name, made in _data_in(folder).items()}
    _outside.update(name for name in code if name.replace("/", ".").split(".")[0] not in OURS)
    parsed.keep()
    return code


@functools.cache
def _data_in(folder: Path) -> Mapping[str, str]:
    """Digests of the data files in a folder."""
    found = (path for path in sorted(folder.iterdir()) if path.suffix in _DATA and path.is_file())
    return {path.name: files.digest(path) for path in found}


def _package_of(name: str, path: Path) -> tuple[Path, str]:
    """The folder of a module, and its place; none of what lies at the top, beside which anything may lie."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    alone = package in OURS or not package
    return path.parent, "" if alone else package.replace(".", "/")


def source_of(name: str) -> Path | None:
    """The file of a module or data file, as `code_of` names them; None where there is none any more."""
    ours = name.replace("/", ".").split(".")[0] in OURS
    if Path(name).suffix not in _DATA:
        path = _file_of(name) if ours else from_outside.file_of(name)
    else:
        path = ROOT / name if ours else from_outside.data_of(name)
    return path if path is not None and path.is_file() else None


def libraries_of(modules: Iterable[str]) -> dict[str, str]:
    """Versions of the third-party libraries that the code of `modules` imports, local build tags aside."""
    return {**_libraries_of(frozenset(modules))}


@functools.cache
def _libraries_of(modules: frozenset[str]) -> Mapping[str, str]:
    paths = _closure(modules)
    imported = {item for name, path in paths.items() for item in parsed.imports(name, path)}
    names = {name.split(".")[0] for name in imported} - {name.split(".")[0] for name in paths}
    names -= set(OURS) | set(sys.stdlib_module_names) | _NOT_NUMBERS
    distributions = from_outside.distributions()
    used = {distributions[name][0] for name in names if name in distributions}
    return {name: version(name) for name in sorted(used)}


def project_files() -> dict[str, Path]:
    """All that keys may take in: the project's code and data files, and what keys of this process took in of others'
    code, by the place that a copy of them has."""
    folders = (path for package in OURS for path in (ROOT / package).rglob("*"))
    files_there = (path for path in folders if path.suffix in {".py", *_DATA} and path.is_file())
    found = {str(path.relative_to(ROOT)): path for path in files_there}
    found |= {place_of(name): path for name in _outside if (path := source_of(name)) is not None}
    return dict(sorted(found.items()))


def place_of(name: str) -> str:
    """Where the file of a module or data file lies in the project, or would lie."""
    path = source_of(name)
    if Path(name).suffix in _DATA:
        return name
    if path is not None and path.is_relative_to(ROOT):
        return str(path.relative_to(ROOT))
    return f"{name.replace('.', '/')}.py" if path is None else from_outside.place_of(name, path)


@functools.cache
def version(distribution: str) -> str:
    """The installed version of a library, as keys have it: without local build tags."""
    return importlib.metadata.version(distribution).split("+")[0]


@functools.cache
def _closure(modules: frozenset[str]) -> Mapping[str, Path]:
    """Modules reached from `modules`, ours and a plug-in's, machinery aside, with their paths."""
    paths: dict[str, Path] = {}
    seen: set[str] = set()
    waiting = list(modules)
    chosen = frozenset(name.split(".")[0] for name in waiting)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if from_outside.is_code(name, chosen):
            path = from_outside.file_of(name)
        else:
            path = None if _is_machinery(name) else _file_of(name)
        if path is None:
            continue
        paths[name] = path
        waiting.extend(_parents_of(name))
        waiting.extend(parsed.imports(name, path))
    return dict(sorted(paths.items()))


@functools.cache
def _is_machinery(name: str) -> bool:
    return name == "tasks" or any(name == part or name.startswith(f"{part}.") for part in _MACHINERY)


def _parents_of(name: str) -> list[str]:
    """Packages whose `__init__` runs when `name` is imported."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


@functools.cache
def _file_of(name: str) -> Path | None:
    """The file of a project module; None for what is not one, such as a name imported from a module."""
    if name.split(".")[0] not in OURS:
        return None
    base = ROOT.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


_outside: set[str] = set()
"""Modules and files of others that keys of this process have taken in."""


def forget() -> None:
    """Read the code anew for the next key."""
    for read in (_code_of, _libraries_of, _closure, _data_in, _file_of):
        read.cache_clear()
