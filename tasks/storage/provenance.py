"""What a flow run is made with, kept in its MLflow run: the project's code, what of it is not committed, the libraries.

So it can be said later which lines have changed since, and the run can be made again as it was.
"""

import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from models.errors import StoreError
from tasks.graph import identity, parsed
from tasks.storage import runs
from tasks.storage.connection import client, reaching

CODE, LOCK, DIFF = "code", "requirements.txt", "uncommitted.diff"
"""A folder of snapshots, each named by its content, as a retried flow run may have several; and two files."""
_OF_CODE = ("flows", "tasks", "models", "pyproject.toml")
_MOST = 5_000_000
"""Bytes of a diff that are kept."""


def keep(run_id: str) -> None:
    """Store the code and the names of libraries, as they are now, in a run."""
    with reaching(), tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        snapshot(folder / CODE)
        (folder / LOCK).write_text(lock(), encoding="utf-8")
        if diff := uncommitted():
            (folder / DIFF).write_bytes(diff[:_MOST])
        client().log_artifacts(run_id, temporary)


def lock() -> str:
    """Every installed package with its version, as pip takes it, and in the first line where they ran."""
    found: set[str] = set()
    for folder in filter(os.path.isdir, sys.path):
        # Their names say it; to read the metadata of hundreds takes a second.
        for path in Path(folder).glob("*.dist-info"):
            name, _, version = path.stem.rpartition("-")
            found.add(f"{name.replace('_', '-').lower()}=={version}")
    return (
        "\n".join([f"# {_machine()}", *sorted(line for line in found if not line.startswith("headwater=="))])
        + "\n"
    )


def versions(text: str) -> dict[str, str]:
    """What a lock says, by name; the machine by the name of its part."""
    first, *lines = text.splitlines() or ["# "]
    machine = dict(part.split(" ", 1) for part in first.removeprefix("# ").split(", ") if " " in part)
    return machine | dict(line.split("==", 1) for line in lines if "==" in line)


def _machine() -> str:
    where = f"{platform.system()}-{platform.machine()}"
    return f"Python {platform.python_version()}, system {where}, cores {os.cpu_count()}"


def uncommitted() -> bytes:
    """What git says of the code that is not committed; nothing where there is no git, or nothing is changed."""
    with suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(identity.ROOT), "diff", "HEAD", "--", *_OF_CODE]
        return subprocess.run(command, capture_output=True, check=True, timeout=20).stdout
    return b""


def snapshot(folder: Path) -> Path:
    """The project's code as one file in `folder`; the same code gives the same bytes."""
    folder.mkdir(exist_ok=True)
    draft = folder / "draft"
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, path in identity.project_files().items():
            archive.writestr(zipfile.ZipInfo(place), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return draft.rename(folder / f"{sha256(draft.read_bytes()).hexdigest()[:12]}.zip")


def text(run_id: str, name: str) -> str | None:
    """A text that `keep` stored in the flow run that a run belongs to, or in the run itself."""
    for owner in _owners(run_id):
        for path in _files(owner, "", name):
            return path.read_text(encoding="utf-8")
    return None


def snapshots(run_id: str) -> Iterator[Path]:
    """The code of the flow run that a run belongs to; each file is there for one turn."""
    for owner in _owners(run_id):
        yield from _files(owner, CODE, ".zip")


def code(run_id: str) -> dict[str, bytes]:
    """Modules and data files of the newest flow run that a run belongs to, by place."""
    for path in snapshots(run_id):
        with zipfile.ZipFile(path) as archive:
            return {place: archive.read(place) for place in archive.namelist()}
    return {}


def code_now() -> dict[str, bytes]:
    """The same of the project as it is now."""
    return {place: path.read_bytes() for place, path in identity.project_files().items()}


def differing(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    """Places whose code is not the same; nothing where one is not known. To parse all of it takes a second: only what
    differs in its bytes is."""
    if not one or not other:
        return []
    changed = [place for place in {**one, **other} if one.get(place) != other.get(place)]
    both = one.keys() & other.keys()
    return [
        place
        for place in changed
        if place not in both or _digest(place, one[place]) != _digest(place, other[place])
    ]


def source(run_id: str, name: str, digest: str) -> bytes | None:
    """The source of a module or data file in the flow run of a run, if it is the one with this digest."""
    place = identity.place_of(name)
    for path in snapshots(run_id):
        with zipfile.ZipFile(path) as archive:
            for spelt in (place, place.removesuffix(".py") + "/__init__.py"):
                if spelt in archive.namelist() and _digest(spelt, kept := archive.read(spelt)) == digest:
                    return kept
    return None


def _digest(place: str, content: bytes) -> str:
    return parsed.code_digest(content) if place.endswith(".py") else sha256(content).hexdigest()


def _owners(run_id: str) -> Iterator[str]:
    """A run and those above it."""
    while run_id:
        yield run_id
        try:
            run_id = runs.get(run_id).tags.get("mlflow.parentRunId", "")
        except StoreError:  # it is gone for good
            return


def _files(run_id: str, folder: str, ending: str) -> Iterator[Path]:
    """Files of a run, in a folder of it, whose names end so; local copies for as long as they are looked at."""
    with reaching(), tempfile.TemporaryDirectory() as temporary:
        for item in client().list_artifacts(run_id, folder or None):
            if not item.is_dir and item.path.endswith(ending):
                yield Path(client().download_artifacts(run_id, item.path, temporary))
