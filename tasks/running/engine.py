"""What the steps of a flow run are executed by: an engine, that gives each a seat and hands its task to a runner of
Prefect's. One is this machine (`local.py`), one a Ray cluster (`on_ray.py`)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, Self
from uuid import UUID

from prefect import Task
from prefect.client.schemas.objects import RunInput, TaskRunResult
from prefect.futures import PrefectFuture

from tasks.graph.refs import Ref
from tasks.running.job import JobSpec, Progress


class Told(Protocol):
    """Whoever is told how far steps are."""

    def show(self, progress: Progress) -> None:
        """Show how far a step is."""

    def end(self, title: str) -> None:
        """Nothing more comes of a step."""


class Seat(Protocol):
    """Where one step runs, and what it has there."""

    threads: int
    """For numeric work."""
    processes: int
    """Into how many its work is divided; 0: one a GPU."""
    device: str
    """`auto`, or what torch calls a place to compute in."""
    told: Told

    def run(self, spec: JobSpec, tell: Callable[[Progress], None]) -> None:
        """Do a job's work and pass on its progress."""
        ...

    def sitting(self, ref: Ref) -> AbstractContextManager[None]:
        """Where the task of a step runs, for as long as it does."""
        return nullcontext()

    def leave(self) -> None:
        """Give it back: the step has ended."""


def inputs(after: Sequence[UUID]) -> dict[str, set[RunInput]]:
    """Task runs whose steps the one that is called is made from, as Prefect's page of the flow run draws them."""
    return {"call": {TaskRunResult(id=run) for run in after}}  # pyright: ignore[reportUnhashable] it is frozen


class Engine(Protocol):
    """Executes the steps of one flow run, for as long as it is open."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None:
        """End whatever still runs."""

    def take(self, ref: Ref) -> Seat | None:
        """A seat for a step; None where there is no room now."""

    def submit(
        self, task: Task[..., Any], seat: Seat, call: Any, after: Sequence[UUID]
    ) -> PrefectFuture[Any]:
        """Start the task of a step in its seat; `after` are the task runs of the steps it is made from.

        Raises:
            HeadwaterError: it could never run here.
        """
        ...

    def stop(self) -> None:
        """Have whatever runs end soon; does not wait, so that it can be called at any moment."""
