"""What keys take in of a module's source: the digest of its syntax tree, and what it imports.

Both follow from its bytes alone, so each source is parsed once, by whichever process is the first.
"""

import ast
import functools
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.graph.remembered import Remembered

_PARSED = Remembered("code", f"{sys.version} {hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}")


def code_digest(source: bytes) -> str:
    """Digest of a module's syntax tree, so that comments, docstrings and layout do not count."""
    return hashlib.sha256(ast.dump(bare(source)).encode()).hexdigest()


def digest_of(path: Path) -> str:
    """The same of a file."""
    return _parsed(path, path.stat().st_mtime_ns)["digest"]


def imports(name: str, path: Path) -> tuple[str, ...]:
    """Absolute names that the module `name` imports, anywhere in it; `from a import b` names both `a` and `a.b`."""
    return _imports(name, path, path.stat().st_mtime_ns)


def keep() -> None:
    """Have other processes spared what this one has parsed."""
    _PARSED.keep()


@functools.lru_cache(maxsize=2048)
def _imports(name: str, path: Path, changed: int) -> tuple[str, ...]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return tuple(dict.fromkeys(_absolute(_parsed(path, changed)["imports"], package)))


@functools.lru_cache(maxsize=2048)
def _parsed(path: Path, _changed: int) -> dict[str, Any]:
    source = path.read_bytes()
    return _PARSED.of(
        hashlib.sha256(source).hexdigest(),
        lambda: {"digest": code_digest(source), "imports": list(_imported(ast.parse(source)))},
    )


def _imported(tree: ast.Module) -> Iterator[tuple[int, str, list[str]]]:
    """Of each import how many packages up it is meant, the module, and the names taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names]


def _absolute(found: list[tuple[int, str, list[str]]], package: str) -> Iterator[str]:
    for level, named, taken in found:
        above = package.split(".")[: len(package.split(".")) + 1 - level] if level else []
        module = ".".join([*above, *([named] if named else [])])
        yield module
        yield from (f"{module}.{name}" for name in taken)


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
