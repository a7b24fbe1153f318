"""How a declared step is executed: made in its turn, in an MLflow run of its own, and retried."""

import functools
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from prefect import Task
from prefect.artifacts import create_link_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.states import Completed

from models.errors import HeadwaterError
from models.workplace import Workplace
from tasks.graph.refs import Ref
from tasks.graph.step import Step
from tasks.running import expected
from tasks.running.engine import Engine, Seat
from tasks.running.failures import STOPPING, Stopped, fail_on_purpose, may_heal, reason
from tasks.running.job import JobSpec, Progress
from tasks.running.progress import LOG, ONE_OF_MANY, ProgressArtifact, courtesy, in_prefect
from tasks.running.turns import Taking
from tasks.storage import artifacts, decoration, runs
from tasks.storage.entry_runs import EntryRuns, entry_runs
from tasks.storage.lease import Lease, is_free
from tasks.storage.work import Work

RETRY_SECONDS = [2.0, 10.0, 30.0]


@dataclass(frozen=True)
class Outcome:
    """What became of one step in one flow run."""

    ref: Ref
    status: str
    """`hit`, `run`, `failed`, `not run`; or `lost`, of an attempt that ended with the process or node it was in."""
    seconds: float = 0.0
    run_id: str = ""
    metrics: "dict[str, float] | None" = None
    reason: str = ""


@dataclass(frozen=True)
class Origin:
    """The flow run that steps are made for, in Prefect and in MLflow; goes with them to wherever they run."""

    experiment_id: str
    parent_id: str
    flow_run_id: str
    expected: Mapping[str, Any] | None = None
    """What the step will probably take."""

    @property
    def entries(self) -> EntryRuns:
        """The runs that those of steps hang below."""
        return entry_runs(self.experiment_id, self.parent_id, self.flow_run_id)


@dataclass(frozen=True)
class RunContext:
    """What the steps of one flow run share."""

    experiment_id: str
    parent_id: str
    flow_run_id: str
    engine: Engine
    expected: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """By key, what a step will probably take."""

    def origin(self, ref: Ref) -> Origin:
        """What of it goes with a step."""
        return Origin(self.experiment_id, self.parent_id, self.flow_run_id, self.expected.get(ref.key))


class Call:
    """What the task of a step is called with. Prefect does not look into it, as it would into a dataclass."""

    def __init__(self, ref: Ref, origin: Origin, seat: Seat) -> None:
        self.ref, self.origin, self.seat = ref, origin, seat


@functools.cache
def task_of(step: Step[Any]) -> "Task[[Call], State[Outcome]]":
    """A step as a Prefect task."""
    return Task(
        _run,
        name=step.name,
        description=(step.__doc__ or "").strip(),
        # No tags: where there are some Prefect asks its server, before a task begins, whether such tasks are limited.
        # That takes seconds every now and then, and no step starts meanwhile.
        retries=step.retries,
        retry_delay_seconds=RETRY_SECONDS[: step.retries] or None,
        retry_condition_fn=_retry,
        cache_policy=NO_CACHE,  # the store is asked instead: it knows whether the files are still there
        persist_result=False,
    )


def _run(call: Call) -> "State[Outcome]":
    with call.seat.sitting(call.ref):
        outcome = make(call.ref, call.origin, call.seat)
    name = "Hit" if outcome.status == "hit" else "Completed"
    return Completed(name=name, message=call.ref.title, data=outcome)


def produce(ref: Ref, context: RunContext) -> Outcome:
    """One step by itself, outside of a flow: its artifact is found in the store, else made as soon as there is room.

    Raises:
        Exception: what the body raised, after its MLflow run was closed as FAILED or KILLED.
        Stopped: the run is being stopped.
    """
    with closing(Turn(ref, context.engine)) as turn:
        while turn.take() != "taken":
            if STOPPING.is_set():
                raise Stopped("the run was stopped")
            time.sleep(0.1)
        return make(ref, context.origin(ref), turn.seat)


class Turn:
    """What a step needs before it may run: a seat, and the lease of its key, which of two runs one makes.

    `lost` says how often it was lost before, with the process or node it was in; then it waits a while first.
    """

    def __init__(self, ref: Ref, engine: Engine, lost: int = 0) -> None:
        self.ref, self.lost = ref, lost
        self.waits_for_another_run = False
        self._engine = engine
        self._not_before = time.monotonic() + (RETRY_SECONDS[lost - 1] if lost else 0.0)
        self._seat: Seat | None = None
        self._lease: Lease | None = None

    @property
    def seat(self) -> Seat:
        """Where it runs, once `take` has said so."""
        assert self._seat is not None, "a turn is taken first"
        return self._seat

    def take(self) -> Taking:
        """Take both if they are free now."""
        if time.monotonic() < self._not_before:
            return "not yet"
        self._seat = self._engine.take(self.ref)
        if self._seat is None:
            if self.waits_for_another_run and is_free(self.ref.key, shared=True):
                self.waits_for_another_run = False  # that one has failed, or was stopped
            return "not yet" if self.waits_for_another_run else "full"
        try:
            self._lease = Lease.take(self.ref.key, shared=True)
        finally:
            if self._lease is None:
                self.close()
        if self._lease is None:
            if not self.waits_for_another_run:
                maker = runs.maker(self.ref.key)
                LOG.info("%s: %s is making the same artifact; waiting for it", self.ref.title, maker)
            self.waits_for_another_run = True
            return "not yet"
        return "taken"

    def close(self) -> None:
        """Give back what was taken."""
        if self._lease is not None:
            self._lease.release()
        if self._seat is not None:
            self._seat.leave()
        self._seat = self._lease = None


def found(ref: Ref, made: artifacts.Made) -> Outcome:
    """What became of a step whose artifact is there."""
    return Outcome(ref, "hit", made.seconds, made.run_id, made.metrics)


def make(ref: Ref, origin: Origin, seat: Seat) -> Outcome:
    """Make an artifact in an MLflow run of its own, for who has its turn; or find it, made by another run meanwhile.

    Raises:
        Exception: what the body raised, after its MLflow run was closed as FAILED or KILLED.
    """
    if (made := artifacts.claim(ref)) is not None:
        return found(ref, made)
    started = time.monotonic()
    tags = _prefect_tags(origin.flow_run_id) | expected.tags(origin.expected)
    run_id = runs.open_child(origin.experiment_id, origin.entries.of(ref), ref, tags)
    decoration.opened(run_id, ref)
    link_to(runs.run_url(origin.experiment_id, run_id), "What this step made and measured")
    try:
        measured = _execute(ref, run_id, seat)
    except BaseException as error:
        stopped = STOPPING.is_set() or not isinstance(error, Exception)
        _close_after(error, run_id, runs.KILLED if stopped else runs.FAILED)
        if stopped:
            raise Stopped(f"{ref.title} was stopped") from error
        LOG.error("%s failed: %s", ref.title, reason(error))
        raise
    seconds = time.monotonic() - started
    LOG.info("%s: made in %.0f s", ref.title, seconds, extra=_one_of_many(ref))
    return Outcome(ref, "run", seconds, run_id, measured)


def _execute(ref: Ref, run_id: str, seat: Seat) -> dict[str, float]:
    """Run the body in its seat, and store what it made; what it has measured."""
    artifact = ProgressArtifact()

    def tell(progress: Progress) -> None:
        if progress.is_message:
            LOG.log(progress.level, "%s: %s", progress.title, progress.text, extra=_one_of_many(ref))
        else:
            seat.told.show(progress)
            artifact.show(progress)

    with Work(ref.key) as work:
        fail_on_purpose(ref)
        spec = JobSpec(
            ref,
            run_id,
            work.out,
            work.scratch,
            Workplace(seat.device, seat.threads, work.resumable, seat.processes),
        )
        try:
            seat.run(spec, tell)
            measured = artifacts.commit(run_id, ref, work.out)
            decoration.finished(run_id, ref, work.out)
        finally:
            seat.told.end(ref.title)
        artifact.finish()
    return measured


def _one_of_many(ref: Ref) -> dict[str, bool]:
    """What tells the terminal that this is of one shard among many, for which one line stands there."""
    return {ONE_OF_MANY: bool(ref.about.shard)}


def _retry(_task: Any, _task_run: Any, state: "State[Any]") -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and may_heal(error)


def _close_after(error: BaseException, run_id: str, status: str) -> None:
    """Mark a run as ended; where the store is what failed, the error itself matters more."""
    try:
        runs.close(run_id, status, reason(error))
    except HeadwaterError as second:
        LOG.warning("run %s could not be marked %s: %s", run_id, status, second)


def _prefect_tags(flow_run_id: str) -> dict[str, str]:
    """Where the MLflow run comes from in Prefect."""
    tags = {"headwater.flow_run_id": flow_run_id}
    if (context := TaskRunContext.get()) is not None:
        tags["headwater.task_run_id"] = str(context.task_run.id)
    return tags


def link_to(url: str, about: str) -> None:
    """Link the Prefect run that this is part of to its MLflow run."""
    if in_prefect():
        with courtesy():
            create_link_artifact(link=url, link_text="MLflow run", description=about)
