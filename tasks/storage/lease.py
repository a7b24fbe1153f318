"""One computation per key and home: a kernel lock that a kill frees."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tasks.environment import home


class Lease:
    """A lock that is held; closing its file frees it, and so does the end of the process."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    @classmethod
    def take(cls, name: str) -> "Lease | None":
        """The lock `name`; None where another holds it."""
        file = _lock_file(name).open("w")
        if _try_lock(file.fileno()):
            return cls(file)
        file.close()
        return None

    def release(self) -> None:
        """Free it."""
        self._file.close()


_HELD: list[Lease] = []


@contextmanager
def lease(
    name: str, on_wait: Callable[[], None] = lambda: None, check: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the lock `name`; calls `on_wait` once if another process holds it, and `check` while waiting.

    `check` may raise to give up, for instance when the run is being stopped.
    """
    told = False
    while (held := Lease.take(name)) is None:
        if not told:
            on_wait()
            told = True
        check()
        time.sleep(0.2)
    try:
        yield
    finally:
        held.release()


def hold(name: str) -> None:
    """Hold the lock `name` until this process ends."""
    while (held := Lease.take(name)) is None:
        time.sleep(0.2)
    _HELD.append(held)


def of_flow(flow_run_id: str) -> str:
    """Name of the lock that the process of a flow run holds."""
    return f"flow-{flow_run_id}"


def exists(name: str) -> bool:
    """Whether the lock `name` was ever held under this home folder."""
    return _lock_file(name).exists()


def is_free(name: str) -> bool:
    """Whether nobody holds the lock `name` right now."""
    held = Lease.take(name)
    if held is not None:
        held.release()
    return held is not None


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
