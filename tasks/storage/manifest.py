"""The manifest of an artifact: path, bytes and sha256 of every file, and what they were made from."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.files import digest
from tasks.graph.refs import Ref

NAME = "manifest.json"
"""Stored last, so that it says the files are all there."""
MADE_OF = "identity.json"
"""Beside it: what the key is the digest of, so that it can be said what has changed since."""


def of(ref: Ref, folder: Path) -> dict[str, Any]:
    """Path, bytes and sha256 of every file, and what they were made from."""
    names = sorted(path for path in folder.rglob("*") if path.is_file())
    return without_files(ref) | {
        "files": [
            {"path": str(path.relative_to(folder)), "bytes": path.stat().st_size, "sha256": digest(path)}
            for path in names
        ],
    }


def without_files(ref: Ref) -> dict[str, Any]:
    """What it is, and by their keys what it was made from."""
    return {
        "step": ref.step,
        "key": ref.key,
        "inputs": {name: _keys(value) for name, value in ref.inputs.items()},
    }


def sizes(path: Path) -> dict[str, int]:
    """Bytes by file, as the manifest at `path` lists them."""
    return {item["path"]: item["bytes"] for item in json.loads(path.read_text())["files"]}


def inputs(path: Path) -> dict[str, Any]:
    """By name, the key of each input (a list of several; None), as the manifest at `path` has them."""
    return json.loads(path.read_text())["inputs"]


def damaged(folder: Path) -> Iterator[str]:
    """Files of `folder` that are not what its manifest says."""
    for item in json.loads((folder / NAME).read_text())["files"]:
        if digest(folder / item["path"]) != item["sha256"]:
            yield item["path"]


def _keys(value: "Ref | tuple[Ref, ...] | None") -> Any:
    if value is None or isinstance(value, Ref):
        return value.key if value else None
    return [ref.key for ref in value]
