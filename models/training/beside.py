"""What is written to the disk beside a training."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self


class Beside:
    """Something that is written beside what goes on, one at a time; at its end the last is on the disk."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "checkpoint")
        self._last: Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether one is still being written."""
        return self._last is not None and not self._last.done()

    def wait(self) -> None:
        """Until the last is on the disk.

        Raises:
            OSError: it cannot be written.
        """
        if self._last is not None:
            last, self._last = self._last, None
            last.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._pool.shutdown()
        if kind is None:  # else there is an error to tell already
            self.wait()
