"""How a declared step is executed: found in the store, or made under a lease in an MLflow run, and retried."""

import functools
import logging
import shutil
import time
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import Any

from prefect import Task
from prefect.artifacts import create_link_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TaskRunContext
from prefect.states import Completed

from models.errors import HeadwaterError
from models.workplace import Workplace
from tasks.environment import home
from tasks.graph.refs import Ref
from tasks.graph.step import Step, step_of
from tasks.running.failures import STOPPING, Stopped, fail_on_purpose, may_heal, reason
from tasks.running.job import Job, JobSpec, Progress
from tasks.running.progress import Board, ProgressArtifact, courtesy
from tasks.running.training_processes import TrainingProcess, TrainingProcesses
from tasks.storage import artifacts, runs
from tasks.storage.lease import lease

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


@functools.cache
def task_of(step: Step[Any]) -> "Task[[Ref, RunContext], State[Outcome]]":
    """A step as a Prefect task."""
    return Task(
        _run,
        name=step.name,
        description=(step.__doc__ or "").strip(),
        tags={"headwater"},
        retries=step.retries,
        retry_delay_seconds=RETRY_SECONDS[: step.retries] or None,
        retry_condition_fn=_retry,
        cache_policy=NO_CACHE,  # the store is asked instead: it knows whether the files are still there
        persist_result=False,
    )


def produce(ref: Ref, context: RunContext) -> Outcome:
    """Find the artifact in the store, else make it.

    Raises:
        Exception: what the body raised, after its MLflow run was closed as FAILED or KILLED.
    """
    return _hit(ref) or _make(ref, context)


def _run(ref: Ref, context: RunContext) -> "State[Outcome]":
    outcome = produce(ref, context)
    context.board.line(
        f"{outcome.status:>4}  {ref.title}"
        + ("" if outcome.status == "hit" else f"  {outcome.seconds:.0f} s")
    )
    return Completed(name="Hit" if outcome.status == "hit" else "Completed", message=ref.title, data=outcome)


def _hit(ref: Ref) -> Outcome | None:
    made = artifacts.look_up(ref)
    return made and Outcome(ref, "hit", made.seconds, made.run_id, made.metrics)


def _make(ref: Ref, context: RunContext) -> Outcome:
    def waiting() -> None:
        context.board.line(f"{ref.title}: another run is making the same artifact; waiting for it")

    step = step_of(ref)
    turn = (
        context.processes.turn(exclusive=step.process == "exclusive")
        if step.process
        else nullcontext((None, context.processes.threads))
    )
    with turn as (process, threads), lease(ref.key, on_wait=waiting, check=_check_stopping):
        started = time.monotonic()
        if (hit := _hit(ref)) is not None:
            return hit
        runs.kill_stale(ref.key)
        tags = _prefect_tags(context.flow_run_id)
        run_id = runs.open_child(context.experiment_id, context.parent_id, ref, tags)
        link_to(runs.run_url(context.experiment_id, run_id), "What this step made and measured")
        try:
            _execute(ref, context, run_id, process, threads)
        except BaseException as error:
            stopped = STOPPING.is_set() or not isinstance(error, Exception)
            _close_after(error, run_id, runs.KILLED if stopped else runs.FAILED)
            if stopped:
                raise Stopped(f"{ref.title} was stopped") from error
            raise
        return Outcome(ref, "run", time.monotonic() - started, run_id, runs.metrics(run_id))


def _execute(
    ref: Ref, context: RunContext, run_id: str, process: TrainingProcess | None, threads: int
) -> None:
    """Run the body, here or in a training process, and store what it made."""
    work = home() / "work" / ref.key
    out, resumable = work / "out", work / "resumable"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    resumable.mkdir(exist_ok=True)
    artifact = ProgressArtifact()

    def tell(progress: Progress) -> None:
        context.board.show(progress)
        artifact.show(progress)

    fail_on_purpose(ref)
    spec = JobSpec(ref, run_id, out, Workplace(context.device, threads, resumable))
    try:
        if process is not None:
            process.run(spec, tell)
        else:
            with closing(Job(spec, tell)) as job:
                step_of(ref).fn(job, ref.config, **ref.inputs)
        artifacts.commit(run_id, ref, out)
    finally:
        context.board.end(ref.title)
    artifact.finish()
    shutil.rmtree(work, ignore_errors=True)  # the artifact is stored; nothing after that may fail it


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
