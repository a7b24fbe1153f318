"""Progress with time left: a live bar per step in a terminal, a line now and then elsewhere, and in Prefect."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import PrefectException
from rich.console import Console
from rich.progress import (
    BarColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from tasks.running.job import Progress

LOG = logging.getLogger("headwater")
"""What people are told: in the terminal, and in the logs of the flow run and the task run that it is part of."""
LOG.setLevel(logging.INFO)
ONE_OF_MANY = "one_of_many"
"""Of what is logged, whether the terminal has a line for all of its kind, and needs none for this one."""
_LINE_EVERY_SECONDS = 15.0
_ARTIFACT_EVERY_SECONDS = 5.0


def on_terminal(record: logging.LogRecord) -> bool:
    """Whether the terminal has a line of its own for what is logged."""
    return record.levelno > logging.INFO or not getattr(record, ONE_OF_MANY, False)


class Board(logging.Handler):
    """Shows the progress of all steps of a run on standard error, and what is logged meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._console = Console(stderr=True)
        self._live = sys.stderr.isatty()
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            transient=True,
        )
        self._rows: dict[str, TaskID] = {}
        self._started: dict[str, tuple[float, int, int]] = {}
        self._printed: dict[str, float] = {}
        self._rows_lock = threading.Lock()

    def __enter__(self) -> "Board":
        LOG.addHandler(self)
        if self._live:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        LOG.removeHandler(self)
        if self._live:
            self._bars.stop()

    def emit(self, record: logging.LogRecord) -> None:
        """Print what is logged above the bars."""
        if on_terminal(record):
            self.line(record.getMessage())

    def line(self, text: str) -> None:
        """Print a line above the bars."""
        with self._rows_lock:
            self._console.print(text, markup=False, highlight=False, soft_wrap=not self._live)

    def show(self, progress: Progress) -> None:
        """Show how far a step is."""
        if self._live:
            self._update_bar(progress)
        else:
            self._print_now_and_then(progress)

    def end(self, title: str) -> None:
        """Take a step's bar away."""
        with self._rows_lock:
            row = self._rows.pop(title, None)
            self._started.pop(title, None)
            self._printed.pop(title, None)
            if row is not None:
                self._bars.remove_task(row)

    def _update_bar(self, progress: Progress) -> None:
        with self._rows_lock:
            if progress.title not in self._rows:
                self._rows[progress.title] = self._bars.add_task(progress.title, total=None, text="")
            row = self._rows[progress.title]
            self._bars.update(row, completed=progress.done, total=progress.total or None, text=progress.text)

    def _print_now_and_then(self, progress: Progress) -> None:
        now = time.monotonic()
        left = self._left(progress, now)
        if now - self._printed.setdefault(progress.title, now) < _LINE_EVERY_SECONDS:
            return
        self._printed[progress.title] = now
        share = f"{progress.done / progress.total:.0%}" if progress.total else ""
        clock = f"{int(left // 60)}:{int(left % 60):02d} left" if left is not None else ""
        self.line("  ".join(part for part in (progress.title, share, clock, progress.text) if part))

    def _left(self, progress: Progress, now: float) -> float | None:
        """Seconds, at the pace since this count began: a resumed training begins in the middle."""
        started, first, total = self._started.get(progress.title, (now, progress.done, -1))
        if total != progress.total:
            started, first = now, progress.done
            self._started[progress.title] = (started, first, progress.total)
        if not progress.total or progress.done <= first:
            return None
        return (now - started) / (progress.done - first) * (progress.total - progress.done)


@contextmanager
def courtesy() -> Iterator[None]:
    """For what only decorates Prefect's pages: a server that does not answer must not fail the step."""
    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        LOG.warning("Prefect could not be told: %s", error)


def in_prefect() -> bool:
    """Whether this is part of a flow run or a task run, with a page of its own."""
    return FlowRunContext.get() is not None or TaskRunContext.get() is not None


class ProgressArtifact:
    """The progress bar on the page of a flow run or a task run in Prefect, at most one update every five seconds."""

    def __init__(self) -> None:
        self._id: UUID | None = None
        self._sent = time.monotonic()

    def show(self, progress: Progress) -> None:
        """Create the artifact at the first long-lasting report, then update it."""
        now = time.monotonic()
        if not progress.total or now - self._sent < _ARTIFACT_EVERY_SECONDS or not in_prefect():
            return
        self._sent = now
        percent = 100.0 * progress.done / progress.total
        text = progress.text or progress.title
        with courtesy():
            if self._id is None:
                made = create_progress_artifact(progress=percent, description=text)
                self._id = made if isinstance(made, UUID) else None
            else:
                update_progress_artifact(self._id, progress=percent, description=text)

    def finish(self, done: int = 1, total: int = 1, text: str = "done") -> None:
        """Say how far it came in the end."""
        if self._id is not None:
            with courtesy():
                update_progress_artifact(self._id, progress=100.0 * done / total, description=text)
