"""Memory that a step has given back stays with the process: the next step asks for as much.

The C library of Linux else returns large blocks to the system, which makes each page of them anew, filled with zeros: a
twentieth of the time of a step of small models.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""How `malloc.h` names what `mallopt` sets."""
_LARGEST = 32 << 20
"""Bytes; the most that is taken from kept memory. More is not allowed, and what is larger is worth its pages."""


@contextmanager
def keeping_memory() -> Iterator[None]:
    """As said above, where the C library can do it; the next step of a run gives it back."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        yield
        return
    library.mallopt(_MMAP_THRESHOLD, _LARGEST)
    library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        library.mallopt(_TRIM_THRESHOLD, 2 * _LARGEST)  # what it comes to by itself
