"""Keys: what an artifact is made of, hashed, so that the same work is never done twice.

A key takes in the step's name, its configuration as far as it changes results, the keys of its inputs, the
code it runs (the syntax tree of its module and of what that imports inside this project, or in a plug-in of somebody
else's, comments and docstrings aside) and the versions of the libraries that code imports.
"""

import ast
import functools
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from models import files
from models.config import Config, identity
from models.outside import OURS
from tasks.graph import from_outside
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
    code = {name: _code_digest(path, path.stat().st_mtime_ns) for name, path in paths.items()}
    for folder, place in sorted({_package_of(name, path) for name, path in paths.items()}):
        for path in sorted(folder.iterdir()) if place else ():
            if path.is_file() and path.suffix in _DATA:
                code[f"{place}/{path.name}"] = files.digest(path)
    _outside.update(name for name in code if name.replace("/", ".").split(".")[0] not in OURS)
    return code


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
    imported = {
        item for name, path in paths.items() for item in _imports(name, path, path.stat().st_mtime_ns)
    }
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


def _closure(modules: Iterable[str]) -> dict[str, Path]:
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
        waiting.extend(_imports(name, path, path.stat().st_mtime_ns))
    return dict(sorted(paths.items()))


def _is_machinery(name: str) -> bool:
    return name == "tasks" or any(name == part or name.startswith(f"{part}.") for part in _MACHINERY)


def _parents_of(name: str) -> list[str]:
    """Packages whose `__init__` runs when `name` is imported."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


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
    _code_of.cache_clear()
    _libraries_of.cache_clear()


@functools.lru_cache(maxsize=1024)
def _imports(name: str, path: Path, _changed: int) -> tuple[str, ...]:
    """Absolute names a module imports, anywhere in it; `from a import b` names both `a` and `a.b`."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return tuple(_imported(ast.parse(path.read_bytes()), package))


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@functools.lru_cache(maxsize=1024)
def _code_digest(path: Path, _changed: int) -> str:
    return code_digest(path.read_bytes())


def code_digest(source: bytes) -> str:
    """Digest of a module's syntax tree, so that comments, docstrings and layout do not count."""
    return hashlib.sha256(ast.dump(bare(source)).encode()).hexdigest()


def bare(source: bytes) -> ast.Module:
    """The syntax tree of a module without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [item for item in node.body if not _is_docstring(item)]
    return tree


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
