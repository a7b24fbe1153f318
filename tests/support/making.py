"""Makes an artifact on a real store, with all it needs."""

import shutil
from pathlib import Path

from tasks.graph.refs import Ref, ordered
from tasks.running.execution import RunContext, produce
from tasks.storage import artifacts, manifest


def make(ref: Ref, context: RunContext) -> Path:
    """Runs what `ref` needs; its files."""
    for needed in ordered([ref]):
        produce(needed, context)
    return artifacts.files(ref)


def copy_artifact(folder: Path, out: Path) -> None:
    """An artifact's own files, without what its run keeps beside them."""
    for item in (manifest.read(folder / manifest.NAME) or {})["files"]:
        target = out / item["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / item["path"], target)
