"""Files: the digest of their bytes, and writing the whole of one, or nothing."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DRAFT = ".draft"
"""How the name of what is not whole yet ends."""
SEAL = "sha256.json"
"""Holds the digests of what else is in its folder."""


def digest(path: Path) -> str:
    """The sha256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_part(path: Path, start: int, end: int) -> str:
    """The same of its bytes from one place to another."""
    made, left = hashlib.sha256(), end - start
    with path.open("rb") as file:
        file.seek(start)
        while left > 0 and (chunk := file.read(min(left, 1 << 20))):
            made.update(chunk)
            left -= len(chunk)
    return made.hexdigest()


def size(folder: Path) -> int:
    """Bytes of all files in a folder; one that goes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """A place to write a file or a folder to, which becomes `path` when all of it is on the disk for sure.

    A kill leaves what was at `path` before, or all of the new; what it leaves of a draft, the next one replaces.
    """
    draft = path.with_name(path.name + DRAFT)
    _remove(draft)
    yield draft
    for written in (*(draft.rglob("*") if draft.is_dir() else ()), draft):
        _sync(written)
    if path.is_dir():
        shutil.rmtree(path)
    draft.rename(path)
    _sync(path.parent)


def seal(folder: Path, *names: str) -> None:
    """Writes down, last of all, what is in these files and folders of `folder`, all of which it holds by then."""
    with write_whole(folder / SEAL) as draft:
        draft.write_text(json.dumps(_digests(folder, names)))


def sealed(folder: Path, *names: str) -> bool:
    """Whether these files and folders are what they were when they were sealed."""
    try:
        return json.loads((folder / SEAL).read_bytes()) == _digests(folder, names)
    except (OSError, ValueError):  # cut short, damaged or gone
        return False


def _digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    paths = [path for name in names for path in (folder / name, *(folder / name).rglob("*"))]
    return {str(path.relative_to(folder)): digest(path) for path in sorted(paths) if not path.is_dir()}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
