"""Copies of artifacts that lie elsewhere: fetched once, whole or not at all, and no more than there is room for.

What was used longest ago goes first; never what a process that lives is reading. Each process keeps a list of that, in
a file that it holds the kernel's lock of for as long as it reads any.
"""

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from models.errors import RecipeError
from models.files import DRAFT, size
from tasks.environment import home

VARIABLE = "HEADWATER_CACHE_GB"
_GB = 50.0
"""Gigabytes that copies may take where the variable says nothing."""
_MANIFESTS, _READERS = "manifests", "readers"


def bound() -> int:
    """How many bytes copies may take.

    Raises:
        RecipeError: the variable is no number.
    """
    said = os.environ.get(VARIABLE) or str(_GB)
    try:
        return round(float(said) * 1e9)
    except ValueError:
        raise RecipeError(f"{VARIABLE}: '{said}' is no number of gigabytes, such as 50") from None


def copy(name: str, is_whole: Callable[[Path], bool], fetch: Callable[[Path], None]) -> Path:
    """The copy of this name: that which is there, if it `is_whole`; else what `fetch` puts into an empty folder."""
    target = folder() / name
    with _alone():
        _reading().add(name)  # from here on nobody removes it
    if target.is_dir() and not is_whole(target):
        shutil.rmtree(target, ignore_errors=True)
    if not target.is_dir():
        with tempfile.TemporaryDirectory(dir=folder(), prefix="draft.") as temporary:
            draft = Path(temporary, name)
            draft.mkdir()
            fetch(draft)
            with suppress(OSError):  # another process was first
                draft.rename(target)
        make_room()
    with suppress(OSError):
        os.utime(target)  # used now
    return target


def has(name: str, is_whole: Callable[[Path], bool]) -> bool:
    """Whether there is a whole copy of this name."""
    return is_whole(folder() / name)


def remembered(sha256: str, fetch: Callable[[], bytes | None]) -> bytes | None:
    """A small file that is known by its digest, such as a manifest: fetched once."""
    place = folder() / _MANIFESTS / sha256
    with suppress(OSError):
        return place.read_bytes()
    if (found := fetch()) is not None:
        place.parent.mkdir(exist_ok=True)
        draft = place.with_name(f"{sha256}.{uuid4().hex}{DRAFT}")
        draft.write_bytes(found)
        draft.replace(place)
    return found


def copies() -> list[Path]:
    """All copies, the one that was used longest ago first."""
    return sorted((path for path in folder().glob("*-*") if path.is_dir()), key=_used)


def every() -> list[Path]:
    """Folders that may be deleted while nobody reads them: copies, and files that were fetched for recipes."""
    kept = (_MANIFESTS, _READERS)
    return sorted(path for path in folder().iterdir() if path.is_dir() and path.name not in kept)


def drafts() -> list[Path]:
    """Small files that a process was writing, and has left if it was killed."""
    return sorted(path for place in (folder(), folder() / _MANIFESTS) for path in place.glob(f"*{DRAFT}"))


def make_room() -> None:
    """Remove what was used longest ago until the rest fits; what is being read stays, however much it is."""
    sizes = {path: size(path) for path in copies()}
    over = sum(sizes.values()) - bound()
    if over <= 0:
        return
    for path, taken in sizes.items():
        if over > 0 and remove(path):
            over -= taken


def remove(path: Path) -> bool:
    """Remove one of `every`, unless a process that lives is reading it by now; whether it is gone."""
    with tempfile.TemporaryDirectory(dir=folder(), prefix="draft.") as temporary:
        with _alone(), suppress(OSError):
            if path.name not in _in_use():
                path.rename(Path(temporary, path.name))  # at once gone for all, and then deleted
                return True
        return False


def in_use() -> set[str]:
    """Names of copies that processes which live are reading."""
    with _alone():
        return _in_use()


def _in_use() -> set[str]:
    names: set[str] = set()
    for path in _readers().iterdir():
        with suppress(OSError), path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                names |= set(file.read().split())
            else:
                path.unlink()  # its process is gone
    return names


def done() -> None:
    """This thread reads no more of what it has asked for until now: its step has ended."""
    with _alone():  # nobody reads a list that is half written
        _reading().forget()


def folder() -> Path:
    """Where the copies are."""
    made = home() / "cache"
    made.mkdir(parents=True, exist_ok=True)
    return made


class _Reading:
    """What this process reads, by thread."""

    def __init__(self) -> None:
        self._names: dict[int, set[str]] = {}
        self._lock = threading.Lock()
        self._file: IO[str] | None = None

    def add(self, name: str) -> None:
        with self._lock:
            mine = self._names.setdefault(threading.get_ident(), set())
            if name not in mine:
                mine.add(name)
                self._write()

    def forget(self) -> None:
        with self._lock:
            if self._names.pop(threading.get_ident(), None):
                self._write()

    def _write(self) -> None:
        """Also lets go of the file when nothing is read any more."""
        if self._file is None:
            self._file = (_readers() / uuid4().hex).open("w")
            fcntl.flock(self._file, fcntl.LOCK_EX)
        if not self._names:
            Path(self._file.name).unlink(missing_ok=True)
            self._file.close()
            self._file = None
            return
        self._file.seek(0)
        self._file.truncate()
        self._file.write("\n".join(sorted(set().union(*self._names.values()))))
        self._file.flush()


_PROCESSES: dict[Path, _Reading] = {}


def _reading() -> _Reading:
    return _PROCESSES.setdefault(home(), _Reading())


@contextmanager
def _alone() -> Iterator[None]:
    """While nobody else begins or ends to read a copy, or removes one."""
    with (folder() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _readers() -> Path:
    place = folder() / _READERS
    place.mkdir(exist_ok=True)
    return place


def _used(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0
