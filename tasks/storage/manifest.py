"""The manifest of an artifact: path, bytes and sha256 of every file, and what they were made from."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.files import digest
from tasks.graph.refs import Ref
from tasks.storage import digests

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


def read(path: Path, sha256: str | None = None) -> dict[str, Any] | None:
    """What the manifest at `path` says, as `parsed` has it."""
    try:
        return parsed(path.read_bytes(), sha256)
    except OSError:
        return None


def parsed(text: bytes | None, sha256: str | None = None) -> dict[str, Any] | None:
    """What the text of a manifest says; None where there is none, or one that is damaged.

    Args:
        text: its bytes, if it is there.
        sha256: of them, where it is known.
    """
    if text is None or sha256 not in (None, hashlib.sha256(text).hexdigest()):
        return None
    try:
        listed = json.loads(text)
        files = [(item["path"], item["bytes"], item["sha256"]) for item in listed["files"]]
        inside = all(".." not in Path(name).parts and not Path(name).is_absolute() for name, *_ in files)
        return listed if inside and isinstance(listed["inputs"], dict) else None
    except (ValueError, KeyError, TypeError):
        return None


def inputs(path: Path) -> dict[str, Any]:
    """By name, the key of each input (a list of several; None), as the manifest at `path` has them."""
    return json.loads(path.read_text())["inputs"]


def damaged(folder: Path, listed: dict[str, Any] | None = None) -> Iterator[str]:
    """Files of `folder` that are not what its manifest says, or no longer there.

    Args:
        listed: what the manifest says, if it has been read.
    """
    listed = listed or read(folder / NAME)
    if listed is None:
        yield NAME
        return
    with digests.known() as known:
        for item in listed["files"]:
            if not known.is_whole(folder / item["path"], item["bytes"], item["sha256"]):
                yield item["path"]


def _keys(value: "Ref | tuple[Ref, ...] | None") -> Any:
    if value is None or isinstance(value, Ref):
        return value.key if value else None
    return [ref.key for ref in value]
