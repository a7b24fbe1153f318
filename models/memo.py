"""What this process has read or made, kept for whoever asks for the same again.

One pretrained model is carried over in many ways, and all of these are tried on the same rows: a process that does such
work one after another reads the weights and the tokenizer once. Nothing is kept where nobody gives it room, as in a
server, which loads one model once.
"""

import copy
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_SMALL = 10_000
"""Bytes of a file that is read to be known."""


class Memo:
    """Values by what they were made of; where there is no room, what was asked for longest ago goes.

    Args:
        room: bytes that all values may take together.
    """

    def __init__(self, room: int = 0) -> None:
        self.room, self.taken = room, 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def once(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """What `make` gives, made once. All who ask have the same, so nobody changes it."""
        return self._asked(key, make, size, lambda made: made)

    def own(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """The same for what is changed by those who have it: each gets one of its own."""
        return self._asked(key, make, size, copy.deepcopy)

    def forget(self) -> None:
        """Let all of it go."""
        with self._lock:
            self._kept.clear()
            self.taken = 0

    def _asked(
        self, key: Hashable, make: Callable[[], T], size: Callable[[T], int], another: Callable[[T], T]
    ) -> T:
        with self._lock:
            kept = self._kept.get(key) if self.room else None
            if kept is not None:
                self._kept.move_to_end(key)
        if kept is not None:
            return another(kept[0])
        made = make()  # another thread may make the same meanwhile, which costs time alone
        if self.room and (taken := size(made)) <= self.room:
            self._keep(key, another(made), taken)
        return made

    def _keep(self, key: Hashable, made: Any, taken: int) -> None:
        with self._lock:
            self.taken += taken - self._kept.pop(key, (None, 0))[1]
            self._kept[key] = made, taken
            while self.taken > self.room:
                _, (_, gone) = self._kept.popitem(last=False)
                self.taken -= gone


MEMO = Memo()
"""That of this process."""


def known(*paths: Path) -> Hashable:
    """What tells the content of files, and of all files in folders, from any other, without reading large ones.

    A large file is known by its place on the disk and when it was written, so that its other names are the same: a
    store keeps equal files once. Nothing that a memo is asked for is written in place.
    """
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return tuple((file.name, *_content(file)) for file in files if file.is_file())


def _content(file: Path) -> tuple[Hashable, ...]:
    found = file.stat()
    if found.st_size < _SMALL:
        return (hashlib.sha256(file.read_bytes()).digest(),)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
