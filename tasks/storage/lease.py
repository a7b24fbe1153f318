"""One computation per key and home: a kernel lock that a kill frees."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tasks.environment import home

_HELD: list[IO[str]] = []


@contextmanager
def lease(
    name: str, on_wait: Callable[[], None] = lambda: None, check: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the lock `name`; calls `on_wait` once if another process holds it, and `check` while waiting.

    `check` may raise to give up, for instance when the run is being stopped.
    """
    with _lock_file(name).open("w") as file:
        told = False
        while not _try_lock(file.fileno()):
            if not told:
                on_wait()
                told = True
            check()
            time.sleep(0.2)
        yield  # closing the file frees the lock, and so does the end of the process


def hold(name: str) -> None:
    """Hold the lock `name` until this process ends."""
    file = _lock_file(name).open("w")
    while not _try_lock(file.fileno()):
        time.sleep(0.2)
    _HELD.append(file)


def exists(name: str) -> bool:
    """Whether the lock `name` was ever held under this home folder."""
    return _lock_file(name).exists()


def is_free(name: str) -> bool:
    """Whether nobody holds the lock `name` right now."""
    with _lock_file(name).open("w") as file:
        return _try_lock(file.fileno())


def _lock_file(name: str) -> Path:
    folder = home() / "leases"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.lock"


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
