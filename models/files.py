"""Files: the digest of their bytes, and writing the whole of one, or nothing."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DRAFT = ".draft"
"""How the name of what is not whole yet ends."""


def digest(path: Path) -> str:
    """The sha256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
