"""One flow run: refs submitted as Prefect tasks, what became of each, and the MLflow parent run over them."""

import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.utilities.annotations import quote

from models.errors import HeadwaterError
from tasks.environment import Machine
from tasks.graph.refs import Ref, ordered
from tasks.graph.step import step_of
from tasks.running import killed, notices
from tasks.running.execution import Outcome, RunContext, link_to, task_of
from tasks.running.failures import STOPPING, reason
from tasks.running.progress import Board
from tasks.running.training_processes import TrainingProcesses
from tasks.storage import connection, runs

_PATIENCE_SECONDS = 15.0
_TAGS_AT_ONCE = 100
"""MLflow takes no more in one call."""


@dataclass
class FlowRun:
    """The steps of one flow run and what became of them."""

    recipe: str
    context: RunContext
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def execute(self, targets: Sequence[Ref]) -> None:
        """Run `targets` and what they need, each as soon as its inputs are there, independent ones at once.

        A step whose inputs failed is not run; the others go on.
        """
        futures: dict[str, PrefectFuture[Any]] = {}
        new = [ref for ref in ordered(list(targets)) if ref.key not in self.outcomes]
        for ref in new:
            needed = [futures[parent.key] for parent in ref.parents() if parent.key in futures]
            task: Task[..., Any] = task_of(step_of(ref)).with_options(
                task_run_name=ref.title.replace("/", " · ")
            )
            futures[ref.key] = task.submit(quote(ref), quote(self.context), wait_for=needed)
        for ref in new:
            futures[ref.key].wait()
            self.outcomes[ref.key] = _outcome(ref, futures[ref.key].state)

    def done(self, ref: Ref) -> bool:
        """Whether the artifact of `ref` is there now."""
        outcome = self.outcomes.get(ref.key)
        return outcome is not None and outcome.status in ("hit", "run")

    def log(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log metrics of the whole run on the parent run."""
        runs.log(self.context.parent_id, metrics, step=step)

    def failures(self) -> list[Outcome]:
        """Steps that failed, in order."""
        return [outcome for outcome in self.outcomes.values() if outcome.status == "failed"]


class RunFailed(HeadwaterError):
    """What ended a run after it had begun; `run` holds what became of its steps."""

    def __init__(self, message: str, run: FlowRun) -> None:
        super().__init__(message)
        self.run = run


@contextmanager
def flow_run(recipe: str, machine: Machine, *, text: str = "") -> Iterator[FlowRun]:
    """Open the MLflow parent run of the current Prefect flow run, and close it as the flow ends.

    Args:
        recipe: the recipe's name, which names the MLflow experiment.
        machine: where numbers are computed.
        text: the recipe itself, kept as an artifact of the parent run.

    Raises:
        RunFailed: at the end, when any step failed, naming each with its reason; or when MLflow no longer answers.
        StoreError: MLflow does not answer from the start.
    """
    STOPPING.clear()
    flow = FlowRunContext.get()
    assert flow is not None and flow.flow_run is not None, "flow_run() is for the inside of a flow"
    flow_run_id, name = str(flow.flow_run.id), flow.flow_run.name
    killed.begin(flow_run_id)
    experiment_id = connection.experiment(recipe)
    killed.end_in_mlflow()
    tags = {"headwater.recipe": recipe, "headwater.flow": flow.flow_run.name, **_prefect_url(flow_run_id)}
    parent_id = runs.open_parent(experiment_id, name, flow_run_id, tags)
    link_to(runs.run_url(experiment_id, parent_id), "Everything this flow run made and measured")
    notices.label(flow_run_id, runs.run_url(experiment_id, parent_id))
    with connection.patience(), Board() as board:
        processes = TrainingProcesses(machine.cores, machine.jobs)
        context = RunContext(experiment_id, parent_id, flow_run_id, machine.device, board, processes)
        run = FlowRun(recipe, context)
        status = runs.KILLED
        try:
            with _stop_on_interrupt(processes):
                runs.keep_text(parent_id, text, "recipe.yaml")
                yield run
            status = runs.FAILED if run.failures() else runs.FINISHED
        except Exception as error:
            status = runs.FAILED
            if isinstance(error, HeadwaterError):
                raise RunFailed(str(error), run) from error
            raise
        finally:
            STOPPING.set()
            processes.stop()
            _close(run, status)
    if failures := run.failures():
        raise RunFailed("; ".join(f"{item.ref.title} failed: {item.reason}" for item in failures), run)


def _outcome(ref: Ref, state: "State[Any]") -> Outcome:
    if not state.is_final():
        return Outcome(ref, "not run", reason="a step it needs failed")
    result = state.result(raise_on_failure=False)
    if isinstance(result, Outcome):
        return result
    if state.is_failed() or state.is_crashed():
        return Outcome(
            ref, "failed", reason=reason(result) if isinstance(result, BaseException) else str(state.message)
        )
    return Outcome(ref, "not run", reason="it was stopped")


@contextmanager
def _stop_on_interrupt(processes: TrainingProcesses) -> Iterator[None]:
    """On Ctrl-C and SIGTERM stop the training processes first, so that no thread is left waiting for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in signals}

    def stop(number: int, frame: Any) -> None:
        STOPPING.set()
        processes.stop()
        # Threads that never report progress must not keep a stopped run alive.
        watchdog = threading.Timer(_PATIENCE_SECONDS, os._exit, args=(130,))
        watchdog.daemon = True
        watchdog.start()
        previous = before[signal.Signals(number)]
        if callable(previous):
            previous(number, frame)
        else:
            raise KeyboardInterrupt

    for number in signals:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _close(run: FlowRun, status: str) -> None:
    """Describe the parent run by a table of its steps, link hits to the runs that made them, and end it."""
    first = sorted(run.outcomes.values(), key=lambda outcome: outcome.status != "failed")
    table = ["| step | | seconds | MLflow run |", "|---|---|---:|---|"]
    table += [f"| {o.ref.title} | {o.status} | {o.seconds:.1f} | {_run_link(run, o)} |" for o in first]
    hits = [
        (f"headwater.hit.{o.ref.step}.{o.ref.key[:8]}", o.run_id)
        for o in run.outcomes.values()
        if o.status == "hit"
    ]
    failed = "; ".join(f"{item.ref.title}: {item.reason}" for item in run.failures())
    try:
        runs.describe(run.context.parent_id, table, "steps.md")
        for start in range(0, len(hits), _TAGS_AT_ONCE):
            runs.log(run.context.parent_id, tags=dict(hits[start : start + _TAGS_AT_ONCE]))
        runs.close(run.context.parent_id, status, failed)
    except HeadwaterError as error:
        logging.getLogger("headwater").warning("the parent run could not be closed: %s", error)


def _run_link(run: FlowRun, outcome: Outcome) -> str:
    if not outcome.run_id:
        return outcome.reason.replace("|", "/")
    return f"[{outcome.run_id[:8]}]({runs.run_url(run.context.experiment_id, outcome.run_id)})"


def _prefect_url(flow_run_id: str) -> dict[str, str]:
    api = os.environ.get("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    pages = os.environ.get("PREFECT_UI_URL") or api.removesuffix("/api")
    return {"headwater.prefect_url": f"{connection.public(pages)}/runs/flow-run/{flow_run_id}"}
