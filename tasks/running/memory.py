"""How much memory this process has held at once, and how much of it may go to what is kept for other steps."""

import ctypes
import resource
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from models.memo import MEMO

SHARE, MOST = 1 / 20, 1_000_000_000
"""Of the memory there is, and bytes: no more is kept in a process."""


def forget_peak() -> None:
    """Start the kernel's record of the most memory anew, where it can (Linux, proc(5): clear_refs).

    What C's allocator has kept of earlier steps goes back to the system first (glibc, malloc_trim(3)): else a step's
    record would hold what another one used.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """The most memory, in bytes, that this process has held at once."""
    with suppress(OSError, IndexError):
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return float(status.split("VmHWM:")[1].split()[0]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most) * (1 if sys.platform == "darwin" else 1024)


def keep_for_others() -> None:
    """Let this process keep what it has read, a model say, for the steps that come after."""
    MEMO.room = min(MOST, int(SHARE * _there()))


def _there() -> int:
    """Bytes of memory, of the machine or of the container that this process runs in (cgroup version 2)."""
    whole = psutil.virtual_memory().total
    with suppress(OSError, ValueError):
        return min(whole, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return whole


def keep_no_more() -> None:
    """Let it go: whoever ran a recipe from Python goes on in this process."""
    MEMO.room = 0
    MEMO.forget()
