"""The files of a run, on this machine or with a server: whether they are what they were, and where they lie."""

import tempfile
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from mlflow.entities import Run

from models.errors import StoreError
from tasks.environment import home
from tasks.storage import cache, digests, manifest
from tasks.storage.connection import client

MANIFEST, DAMAGED = "headwater.manifest", "headwater.damaged"
"""Tags: the sha256 of the manifest; and, where files are not on this machine, one that was found to be damaged."""
_TRIES = 2
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
    there = _stored_files(run.info.run_id, {str(Path(item["path"]).parent) for item in listed["files"]})
    return manifest.NAME in there and all(
        there.get(item["path"]) == item["bytes"] for item in listed["files"]
    )


def is_here(run: Run, key: str) -> bool:
    """As `is_whole`; of files elsewhere a whole copy here is enough."""
    if local(run.info.artifact_uri) is None and _is_copied(run, key):
        return True
    return is_whole(run)


def manifest_of(run: Run) -> dict[str, Any] | None:
    """What the manifest of a run says; None where there is none, or one that is damaged."""
    folder, sha256 = local(run.info.artifact_uri), run.data.tags.get(MANIFEST)
    if folder is not None:
        return manifest.read(folder / manifest.NAME, sha256)
    if sha256 is not None:
        text = cache.remembered(sha256, lambda: _bytes(run.info.run_id, manifest.NAME))
        return manifest.parsed(text, sha256)
    return manifest.parsed(_bytes(run.info.run_id, manifest.NAME))


def _bytes(run_id: str, name: str) -> bytes | None:
    with file(run_id, name) as path:
        return path and path.read_bytes()


def _stored_files(run_id: str, folders: Set[str]) -> dict[str, int]:
    """Bytes of the files in these folders of a run, and in its first; one question for each."""
    found = (
        item for name in folders | {"."} for item in client().list_artifacts(run_id, name.strip(".") or None)
    )
    return {item.path: int(item.file_size or 0) for item in found if not item.is_dir}


def local(uri: str | None) -> Path | None:
    """The folder at an address where it is on this machine's disk."""
    place = urlparse(uri or "")
    return Path(unquote(place.path)) if place.scheme in ("", "file") else None


def fetched(run: Run, key: str) -> Path:
    """A folder on this machine with a run's files; `key` names the copy of those that lie elsewhere."""
    stored = local(run.info.artifact_uri)
    if stored is not None:
        return stored
    listed = _listed(run)
    return cache.copy(
        _name(run, key),
        lambda folder: not any(manifest.damaged(folder, listed)),
        lambda folder: _download(run.info.run_id, folder, listed),
    )


def _is_copied(run: Run, key: str) -> bool:
    return DAMAGED not in run.data.tags and cache.has(
        _name(run, key), lambda folder: not any(manifest.damaged(folder, _listed(run)))
    )


def _name(run: Run, key: str) -> str:
    """Of a copy: two runs of one key may have made other bytes, as they do on a GPU."""
    return f"{key}-{run.data.tags.get(MANIFEST, '')[:16]}"


def _listed(run: Run) -> dict[str, Any]:
    """
    Raises:
        StoreError: there is no manifest, or it is damaged.
    """
    if (listed := manifest_of(run)) is None:
        raise StoreError(
            f"run {run.info.run_id}: its manifest is gone or damaged; run the flow again to make it anew"
        )
    return listed


def _download(run_id: str, folder: Path, listed: dict[str, Any]) -> None:
    """Fetch the files of a run.

    Raises:
        StoreError: one is damaged in the store, and not only on the way.
    """
    damaged: list[str] = []
    for _ in range(_TRIES):
        client().download_artifacts(run_id, "", str(folder))
        damaged = list(manifest.damaged(folder, listed))
        if not damaged:
            return
    client().set_tag(run_id, DAMAGED, damaged[0])  # so that it is no hit any more
    raise StoreError(
        f"run {run_id}: {damaged[0]} is damaged in the store; run the flow again to make it anew"
    )


def share(run: Run, listed: dict[str, Any]) -> None:
    """What lies in the embedded store already takes no room a second time: the weights of a model, above all."""
    stored = local(run.info.artifact_uri)
    if stored is not None and stored.is_relative_to(home() / "artifacts"):
        with digests.known() as known:
            for item in listed["files"]:
                if item["bytes"] >= _LARGE:
                    known.share(stored / item["path"], item["bytes"], item["sha256"])
