"""`@step`: the one way to declare a step.

A declaration is a function from typed inputs to files, and its retry policy. Everything else comes with it: the
key, the look-up, the lease, the MLflow run, the manifest, the links between Prefect and MLflow, and progress.
"""

import logging
import shutil
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from prefect import Task
from prefect.artifacts import create_link_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TaskRunContext
from prefect.states import Completed

from models.config import Config
from models.errors import HeadwaterError
from tasks.environment import home
from tasks.graph import identity
from tasks.graph.refs import About, Ref
from tasks.running.failures import fail_on_purpose, may_heal, reason
from tasks.running.job import STOPPING, Job, JobSpec, Progress, Stopped
from tasks.running.lease import lease
from tasks.running.progress import Board, ProgressArtifact, courtesy
from tasks.running.training_processes import TrainingProcess, TrainingProcesses
from tasks.storage import artifacts, runs

R = TypeVar("R", bound=Ref)
RETRY_SECONDS = [2.0, 10.0, 30.0]


@dataclass(frozen=True)
class Outcome:
    """What became of one step in one flow run."""

    ref: Ref
    status: str
    """`hit`, `run`, `failed` or `not run`."""
    seconds: float = 0.0
    run_id: str = ""
    metrics: "dict[str, float] | None" = None
    reason: str = ""


@dataclass(frozen=True)
class RunContext:
    """What the steps of one flow run share."""

    experiment_id: str
    parent_id: str
    flow_run_id: str
    device: str
    board: Board
    processes: TrainingProcesses


class Step(Generic[R]):
    """A declared step; calling it gives the ref of what it would make, and runs nothing."""

    def __init__(
        self, fn: Callable[..., None], makes: type[R], retries: int, isolated: bool, beside: bool
    ) -> None:
        self.fn, self.makes, self.retries, self.isolated, self.beside = fn, makes, retries, isolated, beside
        self.name, self.module, self.__doc__ = fn.__name__, fn.__module__, fn.__doc__
        identity.declare(self.module)

    def __call__(
        self, config: Config, *, about: About | None = None, **inputs: "Ref | tuple[Ref, ...] | None"
    ) -> R:
        key = identity.key_of(self.name, self.module, config, inputs)
        return self.makes(self.name, self.module, key, config, inputs, about or About())

    @cached_property
    def task(self) -> "Task[[Ref, RunContext], State[Outcome]]":
        """The Prefect task."""
        return Task(
            self._run,
            name=self.name,
            description=(self.__doc__ or "").strip(),
            tags={"headwater"},
            retries=self.retries,
            retry_delay_seconds=RETRY_SECONDS[: self.retries] or None,
            retry_condition_fn=_retry,
            cache_policy=NO_CACHE,  # the store is asked instead: it knows whether the files are still there
            persist_result=False,
        )

    def _run(self, ref: Ref, context: RunContext) -> "State[Outcome]":
        outcome = self.produce(ref, context)
        context.board.line(
            f"{outcome.status:>4}  {ref.title}"
            + ("" if outcome.status == "hit" else f"  {outcome.seconds:.0f} s")
        )
        return Completed(
            name="Hit" if outcome.status == "hit" else "Completed", message=ref.title, data=outcome
        )

    def produce(self, ref: Ref, context: RunContext) -> Outcome:
        """Find the artifact in the store, else make it.

        Raises:
            Exception: what the body raised, after its MLflow run was closed as FAILED or KILLED.
        """
        return self._found(ref) or self._make(ref, context)

    def _found(self, ref: Ref) -> Outcome | None:
        made = artifacts.find(ref.key)
        return made and Outcome(ref, "hit", made.seconds, made.run_id, made.metrics)

    def _make(self, ref: Ref, context: RunContext) -> Outcome:
        def waiting() -> None:
            context.board.line(f"{ref.title}: another run is making the same artifact; waiting for it")

        turn = (
            context.processes.turn(self.beside)
            if self.isolated
            else nullcontext((None, context.processes.threads))
        )
        with turn as (process, threads), lease(ref.key, on_wait=waiting, check=_check_stopping):
            started = time.monotonic()
            if (found := self._found(ref)) is not None:
                return found
            runs.kill_stale(ref.key)
            tags = _prefect_tags(context.flow_run_id)
            run_id = runs.open_child(context.experiment_id, context.parent_id, ref, tags)
            link_to(runs.run_url(context.experiment_id, run_id), "What this step made and measured")
            try:
                self._execute(ref, context, run_id, process, threads)
            except BaseException as error:
                stopped = STOPPING.is_set() or not isinstance(error, Exception)
                _close_after(error, run_id, runs.KILLED if stopped else runs.FAILED)
                if stopped:
                    raise Stopped(f"{ref.title} was stopped") from error
                raise
            return Outcome(ref, "run", time.monotonic() - started, run_id, runs.metrics(run_id))

    def _execute(
        self, ref: Ref, context: RunContext, run_id: str, process: TrainingProcess | None, threads: int
    ) -> None:
        work = home() / "work" / ref.key
        out, scratch = work / "out", work / "scratch"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        scratch.mkdir(exist_ok=True)
        artifact = ProgressArtifact()

        def tell(progress: Progress) -> None:
            context.board.show(progress)
            artifact.show(progress)

        fail_on_purpose(ref)
        spec = JobSpec(ref, run_id, out, scratch, context.device, threads)
        try:
            if process is not None:
                process.run(spec, tell)
            else:
                with closing(Job(spec, tell)) as job:
                    self.fn(job, ref.config, **ref.inputs)
            artifacts.commit(run_id, ref, out)
        finally:
            context.board.end(ref.title)
        artifact.finish()
        shutil.rmtree(work, ignore_errors=True)  # the artifact is stored; nothing after that may fail it


def step(
    makes: type[R], *, retries: int = 2, isolated: bool = False, beside: bool = False
) -> "Callable[[Callable[..., None]], Step[R]]":
    """Declare a step.

    The body takes a `Job`, its configuration and its inputs by name, and fills `job.out`.

    Args:
        makes: the type of ref that names the artifact.
        retries: how often what may heal (I/O, network, store, out-of-memory) is tried again.
        isolated: whether the body runs in a training process, with all threads.
        beside: whether it does so with a share of the threads, beside others.
    """
    return lambda fn: Step(fn, makes, retries, isolated, beside)


def _retry(_task: Any, _task_run: Any, state: "State[Any]") -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and may_heal(error)


def _check_stopping() -> None:
    if STOPPING.is_set():
        raise Stopped("the run was stopped")


def _close_after(error: BaseException, run_id: str, status: str) -> None:
    """Mark a run as ended; where the store is what failed, the error itself matters more."""
    try:
        runs.close(run_id, status, reason(error))
    except HeadwaterError as second:
        logging.getLogger("headwater").warning("run %s could not be marked %s: %s", run_id, status, second)


def _prefect_tags(flow_run_id: str) -> dict[str, str]:
    """Where the MLflow run comes from in Prefect."""
    tags = {"headwater.flow_run_id": flow_run_id}
    if (context := TaskRunContext.get()) is not None:
        tags["headwater.task_run_id"] = str(context.task_run.id)
    return tags


def link_to(url: str, about: str) -> None:
    """Link the Prefect run that this is part of to its MLflow run."""
    if FlowRunContext.get() or TaskRunContext.get():
        with courtesy():
            create_link_artifact(link=url, link_text="MLflow run", description=about)
