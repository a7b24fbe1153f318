"""News of steps on a Ray cluster, by a queue that whoever shows them reads."""

import logging
import time
from contextlib import suppress
from typing import Any

from ray.exceptions import RayError
from ray.util.queue import Queue

from tasks.running.job import Progress
from tasks.running.progress import on_terminal

_NEWS_EVERY_SECONDS = 0.5
END = "\0end"
"""What progress says of a step of which nothing more comes."""


class Teller(logging.Handler):
    """Sends what is logged, and how far steps are, to the terminal of the run."""

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self._queue = queue
        self._sent: dict[str, float] = {}

    def __reduce__(self) -> Any:
        return Teller, (self._queue,)

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line."""
        if on_terminal(record):
            self._send(record.getMessage())

    def show(self, progress: Progress) -> None:
        """Send how far a step is, now and then; what it says, at once."""
        now = time.monotonic()
        if progress.is_message or now - self._sent.get(progress.title, 0.0) >= _NEWS_EVERY_SECONDS:
            self._sent[progress.title] = now
            self._send(progress)

    def end(self, title: str) -> None:
        """Say that nothing more comes of a step."""
        self._send(Progress(title, 1, 1, END))

    def _send(self, news: "str | Progress") -> None:
        with suppress(RayError):  # whoever reads it may be gone
            actor: Any = self._queue.actor
            actor.put_nowait.remote(news)
