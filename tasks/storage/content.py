"""The files of a run, on this machine or with a server: whether they are what they were, and where they lie."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from mlflow.entities import Run

from models.errors import StoreError
from tasks.environment import home
from tasks.storage import digests, manifest
from tasks.storage.connection import client

MANIFEST, DAMAGED = "headwater.manifest", "headwater.damaged"
"""Tags: the sha256 of the manifest; and, where files are not on this machine, one that was found to be damaged."""
_LARGE = 10_000
"""Bytes of a file that is kept once, however many artifacts have it."""


@contextmanager
def file(run_id: str, name: str) -> Iterator[Path | None]:
    """A copy of a file of a run; None where there is none."""
    with tempfile.TemporaryDirectory() as temporary:
        there = any(item.path == name for item in client().list_artifacts(run_id))
        yield Path(client().download_artifacts(run_id, name, temporary)) if there else None


def is_whole(run: Run) -> bool:
    """Whether the manifest is there, and every file it lists with its content; of files elsewhere, with its size."""
    listed = manifest_of(run)
    if listed is None or DAMAGED in run.data.tags:
        return False
    folder = local(run.info.artifact_uri)
    if folder is not None:
        return not any(manifest.damaged(folder, listed))
    there = dict(_stored_files(run.info.run_id, ""))
    return all(there.get(item["path"]) == item["bytes"] for item in listed["files"])


def manifest_of(run: Run) -> dict[str, Any] | None:
    """What the manifest of a run says; None where there is none, or one that is damaged."""
    folder, sha256 = local(run.info.artifact_uri), run.data.tags.get(MANIFEST)
    if folder is not None:
        return manifest.read(folder / manifest.NAME, sha256)
    with file(run.info.run_id, manifest.NAME) as path:
        return path and manifest.read(path, sha256)


def _stored_files(run_id: str, folder: str) -> Iterator[tuple[str, int]]:
    for item in client().list_artifacts(run_id, folder or None):
        if item.is_dir:
            yield from _stored_files(run_id, item.path)
        else:
            yield item.path, int(item.file_size or 0)


def local(uri: str | None) -> Path | None:
    """The folder at an address where it is on this machine's disk."""
    place = urlparse(uri or "")
    return Path(unquote(place.path)) if place.scheme in ("", "file") else None


def fetched(run: Run, key: str) -> Path:
    """A folder on this machine with a run's files; `key` names the copy of those that lie elsewhere."""
    return local(run.info.artifact_uri) or _download(run.info.run_id, key)


def _download(run_id: str, key: str) -> Path:
    """Copy of a remote artifact under the home folder, whole or not at all."""
    target = home() / "cache" / key
    if target.is_dir() and any(manifest.damaged(target)):
        shutil.rmtree(target, ignore_errors=True)
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
            copy = Path(temporary, key)
            copy.mkdir()
            client().download_artifacts(run_id, "", str(copy))
            for name in manifest.damaged(copy):
                client().set_tag(run_id, DAMAGED, name)  # so that it is no hit any more
                raise StoreError(
                    f"run {run_id}: {name} is damaged in the store; run the flow again to make it anew"
                )
            with suppress(OSError):  # another process was first
                copy.rename(target)
    return target


def share(run: Run, listed: dict[str, Any]) -> None:
    """What lies in the embedded store already takes no room a second time: the weights of a model, above all."""
    stored = local(run.info.artifact_uri)
    if stored is not None and stored.is_relative_to(home() / "artifacts"):
        with digests.known() as known:
            for item in listed["files"]:
                if item["bytes"] >= _LARGE:
                    known.share(stored / item["path"], item["bytes"], item["sha256"])
