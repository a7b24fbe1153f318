"""What a failed step means: whether trying again may help, and how people are told; and failing for drills."""

import errno
import os
import threading
from concurrent.futures.process import BrokenProcessPool
from urllib.parse import quote

from models.errors import HeadwaterError, NetworkError, StoreError
from tasks.environment import home, public
from tasks.graph.refs import Ref

STOPPING = threading.Event()
"""Set when the run is being stopped; a job that reports progress then ends with `Stopped`."""


class Stopped(Exception):
    """The run is being stopped; nobody should try again."""


class ProcessKilled(Exception):
    """One of several processes that share a job was killed."""


# Errors of the operating system that no waiting mends.
_LASTING = {errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EISDIR}


def may_heal(error: BaseException) -> bool:
    """Whether trying again could help: I/O, network, store and out-of-memory; never bad data or settings."""
    if STOPPING.is_set() or isinstance(error, Stopped):
        return False
    if isinstance(error, OSError):
        return error.errno not in _LASTING
    if isinstance(error, StoreError | NetworkError | MemoryError | BrokenProcessPool | ProcessKilled):
        return True
    return isinstance(error, RuntimeError) and "out of memory" in str(error).lower()


def reason(error: BaseException) -> str:
    """One line for people: what went wrong, where, and what to do."""
    return public(_reason(error))


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({error.filename or home()}); free some space or set HEADWATER_HOME to another disk"
    if isinstance(error, BrokenProcessPool | ProcessKilled):
        return "the training process was killed, perhaps for want of memory; try a smaller batch or model, or jobs: 1"
    if isinstance(error, HeadwaterError | Stopped):
        return " ".join(str(error).split())
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"


def fail_on_purpose(ref: Ref) -> None:
    """The hook for drills: HEADWATER_FAIL=NAME fails a step each time, NAME:N the first N times."""
    name, _, times = os.environ.get("HEADWATER_FAIL", "").partition(":")
    if not name or name not in (ref.step, ref.name):
        return
    counter = home() / "drills" / quote(ref.name, safe="")  # names of entries may have dots
    counter.parent.mkdir(parents=True, exist_ok=True)
    failed = int(counter.read_text()) if counter.is_file() else 0
    if not times or failed < int(times):
        counter.write_text(str(failed + 1))
        raise HeadwaterError(
            f"{ref.title} failed on purpose, as HEADWATER_FAIL={os.environ['HEADWATER_FAIL']} asks"
        )
