"""Ending with the parent process, however that ends."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBC = (
    ctypes.CDLL(None) if sys.platform == "linux" else None
)  # not first looked up in a child that was just forked


def end_with_parent() -> None:
    """Ask Linux to end this process by SIGTERM when its parent dies, even by SIGKILL; elsewhere nothing happens."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
