"""One computation per key: a kernel lock of the home, which a kill frees, and where a team shares the store, a lease
that its Prefect server keeps."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tasks.environment import home
from tasks.storage import team_leases


class Lease:
    """A lock that is held; to release it frees it, and so does the end of the process."""

    def __init__(self, held: ExitStack) -> None:
        self._held = held

    @classmethod
    def take(cls, name: str, *, shared: bool = False) -> "Lease | None":
        """The lock `name`; None where another holds it.

        Args:
            name: what is locked.
            shared: it lies in the store, which other homes may have too; else it is this home's alone.

        Raises:
            HeadwaterError: the server that keeps the leases of a team does not answer.
        """
        with ExitStack() as held:
            file = held.enter_context(_lock_file(name).open("w"))
            if not _try_lock(file.fileno()):
                return None
            if shared and (team := team_leases.current()) is not None:
                free = team.take(name)
                if free is None:
                    return None
                held.callback(free)
            return cls(held.pop_all())

    def release(self) -> None:
        """Free it."""
        self._held.close()


_HELD: list[Lease] = []


@contextmanager
def lease(
    name: str,
    on_wait: Callable[[], None] = lambda: None,
    check: Callable[[], None] = lambda: None,
    *,
    shared: bool = False,
) -> Iterator[None]:
    """Hold the lock `name`; calls `on_wait` once if another process holds it, and `check` while waiting.

    `check` may raise to give up, for instance when the run is being stopped; `shared` as for `Lease.take`.
    """
    told = False
    while (held := Lease.take(name, shared=shared)) is None:
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


def is_free(name: str, *, shared: bool = False) -> bool:
    """Whether nobody holds the lock `name` right now."""
    held = Lease.take(name, shared=shared)
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
