"""Steps on this machine: each in a thread of this process, its numeric work in a training process."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from prefect import Task
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from threadpoolctl import threadpool_limits

from tasks.graph.refs import Ref
from tasks.graph.step import step_of
from tasks.running import work
from tasks.running.engine import Seat, Told, inputs
from tasks.running.failures import STOPPING
from tasks.running.job import JobSpec, Progress
from tasks.running.memory import keep_for_others, keep_no_more
from tasks.running.training_processes import Room, TrainingProcesses


class LocalSeat(Seat):
    """A training process with its share of the threads, or this process."""

    def __init__(self, room: Room, device: str, told: Told) -> None:
        self._room, self.threads, self.processes = room, room.threads, room.processes
        self.device, self.told = device, told

    def run(self, spec: JobSpec, tell: Callable[[Progress], None]) -> None:
        """Do it there."""
        if self._room.process is not None:
            self._room.process.run(spec, tell)
        else:
            work.do_here(spec, tell)

    def leave(self) -> None:
        """Give it back."""
        self._room.leave()


class Local:
    """The engine that needs nothing else."""

    def __init__(self, processes: TrainingProcesses, told: Told, device: str = "auto") -> None:
        self._processes, self._told, self._device = processes, told, device

    def __enter__(self) -> "Local":
        keep_for_others()
        # Scores are small, and the cores are for the training processes.
        self._blas = threadpool_limits(1, user_api="blas")
        return self

    def __exit__(self, *_: object) -> None:
        self._blas.restore_original_limits()
        STOPPING.set()
        self.stop()
        keep_no_more()

    def take(self, ref: Ref) -> LocalSeat | None:
        """A seat, with all threads where the step is to be alone."""
        room = self._processes.take(step_of(ref).process(ref))
        return room and LocalSeat(room, self._device, self._told)

    def submit(
        self, task: Task[..., Any], seat: Seat, call: Any, after: Sequence[UUID]
    ) -> PrefectFuture[Any]:
        """Start it in a thread of the flow's own task runner."""
        flow = FlowRunContext.get()
        assert flow is not None, "steps are submitted within a flow"
        return flow.task_runner.submit(task, {"call": call}, dependencies=inputs(after))

    def stop(self) -> None:
        """Kill the training processes at once, so that no thread is left waiting for one."""
        self._processes.stop()
