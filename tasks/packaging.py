"""A model's folder as a whole MLflow model: what it asks for, an example, its code and its requirements.

It is loaded and served without this project, whatever packages lie where that is done: its code is a copy, in a package
of a name that no other has. What is copied is what the key of `adapt` takes in, syntax trees without docstrings: the
same key gives the same bytes. It is one file, since there are many models and a store is asked for each of their files.
"""

import ast
import functools
import hashlib
import io
import re
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import mlflow
import pandas as pd
import yaml
from mlflow import pyfunc
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.models.utils import _save_example
from mlflow.types.schema import AnyType, ColSpec, Schema
from mlflow.utils.environment import _mlflow_conda_env, _PythonEnv

from models.adapted.files import examples
from models.adapted.requests import Asked
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Transfer
from tasks import serving
from tasks.graph import identity, parsed

LOADER = serving.__name__
CODE, REQUIREMENTS = "code.zip", "requirements.txt"
_CONDA, _PYTHON = "conda.yaml", "python_env.yaml"
_NOT_TO_ANSWER = {"optuna", "pandera", "sacrebleu", "scikit-learn"}
"""Libraries that are for learning, checking and scoring alone."""
_PACKAGE = re.compile(r"(models|tasks)(\.\w+)+")
_ANY = f"headwater_{'_' * 16}"
"""Stands in a copy for the package, whose name depends on all that is copied."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def describe(folder: Path, downstream: Downstream, way: Transfer) -> None:
    """Makes the folder of an adapted model a model that MLflow loads and serves, its weights where they are."""
    asked = Asked.of(folder, downstream.inputs)
    texts = examples(downstream).head(2).iter_rows(named=True)
    example = pd.DataFrame([asked.example(row) for row in texts])
    modules = (LOADER, *downstream.modules(), *way.modules())
    write(folder, modules, example, _signature(asked, example))


def write(folder: Path, modules: tuple[str, ...], example: pd.DataFrame, signature: ModelSignature) -> None:
    """Writes what makes a folder a model of MLflow's: what it asks for, an example, its code and its requirements.

    Args:
        modules: what it runs; the first is its loader.
        signature: `with_options` gives one.
    """
    package, code = _copied(modules)
    (folder / CODE).write_bytes(code)
    pins = requirements(modules)
    (folder / REQUIREMENTS).write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
    _PythonEnv.current().to_yaml(folder / _PYTHON)
    conda = _mlflow_conda_env(additional_pip_deps=pins)
    (folder / _CONDA).write_text(yaml.safe_dump(conda, default_flow_style=False), encoding="utf-8")

    # Fixed, not drawn: the same recipe makes the same bytes.
    model = Model(utc_time_created="1970-01-01 00:00:00", model_uuid=None, signature=signature)
    _save_example(model, example, str(folder))
    pyfunc.add_to_model(
        model, f"{package}.{modules[0]}", data=".", code=CODE, conda_env=_CONDA, python_env=_PYTHON
    )
    model.save(str(folder / "MLmodel"))


def with_options(example: pd.DataFrame, options: Iterable[str]) -> ModelSignature:
    """What is asked for: the fields of the example, and others that a request may have."""
    needed = infer_signature(example).inputs.inputs
    return ModelSignature(Schema([*needed, *(ColSpec(AnyType(), name, required=False) for name in options)]))


def _signature(asked: Asked, example: pd.DataFrame) -> ModelSignature:
    """What is asked for: all fields, or where there are columns beside them, what there is of both."""
    if not asked.by_columns:
        return infer_signature(example)
    return ModelSignature(Schema([ColSpec(AnyType(), name, required=False) for name in asked.names()]))


def requirements(modules: Iterable[str]) -> list[str]:
    """What has to be installed to answer, each in the version that is installed here."""
    versions = {"mlflow": mlflow.__version__, **identity.libraries_of(modules)}
    return [f"{name}=={version}" for name, version in versions.items() if name not in _NOT_TO_ANSWER]


@functools.cache
def _copied(modules: tuple[str, ...]) -> tuple[str, bytes]:
    """The package that the project's code which `modules` run is copied into, and the file it lies in."""
    sources = {name: identity.source_of(name) for name in identity.code_of(modules)}
    code = {
        name: _Source(name, file, file.stat().st_mtime_ns)
        for name, file in sources.items()
        if file is not None and file.suffix == ".py"
    }
    every = "".join(f"{name}\n{_read(source)[0]}\n" for name, source in code.items())
    package = f"headwater_{hashlib.sha256(every.encode()).hexdigest()[:16]}"
    # Packages that parts are looked up in by a text: empty where nothing of them is copied.
    looked_up = {text for source in code.values() for text in _read(source)[1] if _PACKAGE.fullmatch(text)}
    inside = {
        ".".join(name.split(".")[:end])
        for name in {*code, *looked_up}
        for end in range(1, name.count(".") + 2)
    }
    tops = frozenset(name.split(".")[0] for name in inside)
    texts = {"": "", **dict.fromkeys(inside, "")}
    texts |= {
        name: _renamed(source, tops, _read(source)[1] & inside).replace(_ANY, package)
        for name, source in code.items()
    }
    return package, _zipped(package, texts)


class _Source(NamedTuple):
    """A module to copy. What is made of it is kept: models of all downstreams and ways have most of it in common, and
    to make it takes seconds."""

    name: str
    path: Path
    written: int

    def tree(self) -> ast.Module:
        """Its syntax tree without docstrings."""
        return parsed.bare(self.path.read_bytes())


@functools.cache
def _read(source: _Source) -> tuple[str, frozenset[str]]:
    """The syntax tree of a module, written out, and the texts in it that may be names of others."""
    tree = source.tree()
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return ast.dump(tree), frozenset(text for text in texts if isinstance(text, str) and "." in text)


@functools.cache
def _renamed(source: _Source, tops: frozenset[str], inside: frozenset[str]) -> str:
    """A module as it is copied into the package `_ANY`.

    Args:
        tops: packages all of which is there.
        inside: those of its texts that name what is copied.
    """
    return ast.unparse(_Renamed(tops, inside).visit(source.tree()))


def _zipped(package: str, texts: Mapping[str, str]) -> bytes:
    """Modules by name ("" is the package itself) as a file that Python imports from; equal texts make equal bytes."""
    parents = {name.rpartition(".")[0] for name in texts if name}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, text in sorted(texts.items()):
            place = "/".join([package, *name.split(".")] if name else [package])
            place += "/__init__.py" if name in parents or not text else ".py"
            archive.writestr(zipfile.ZipInfo(place, _LONG_AGO), text + "\n", zipfile.ZIP_DEFLATED)
    return made.getvalue()


class _Renamed(ast.NodeTransformer):
    """Names of the modules that are copied as those of the copies in `_ANY`; some are looked up by a text."""

    def __init__(self, tops: Collection[str], inside: Collection[str]) -> None:
        self._tops, self._inside = tops, inside

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if not node.level and node.module and node.module.split(".")[0] in self._tops:
            node.module = f"{_ANY}.{node.module}"
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, str) and node.value in self._inside:
            return ast.copy_location(ast.Constant(f"{_ANY}.{node.value}"), node)
        return node

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """`import a.b` binds `a`, which is a copy too."""
        made: list[ast.stmt] = []
        for item in node.names:
            top = item.name.split(".")[0]
            if top not in self._tops:
                made.append(ast.Import([item]))
                continue
            made.append(ast.Import([ast.alias(f"{_ANY}.{item.name}", item.asname)]))
            if item.asname is None:
                made.append(ast.ImportFrom(_ANY, [ast.alias(top)], 0))
        return [ast.copy_location(item, node) for item in made]

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.body:
            node.body = [ast.Pass()]  # there was a docstring
        return node
