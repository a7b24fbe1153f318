"""One flow run: what is there already, what is made, and the MLflow parent run over it."""

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from prefect.artifacts import create_table_artifact
from prefect.context import FlowRunContext

from models.errors import HeadwaterError
from tasks.environment import Machine
from tasks.graph.refs import Ref, ordered
from tasks.running import killed, needs, notices, schedule
from tasks.running.engine import Engine
from tasks.running.engines import engine_of
from tasks.running.execution import Outcome, RunContext, found, link_to
from tasks.running.failures import STOPPING
from tasks.running.front_page import FrontPage
from tasks.running.progress import LOG, Board, courtesy
from tasks.running.submitting import Submitting
from tasks.storage import artifacts, connection, decoration, provenance, runs

_PATIENCE_SECONDS = 8.0
"""How long a run that is stopped waits for its threads; Prefect's worker kills it after some time anyway."""


@dataclass
class FlowRun:
    """The steps of one flow run and what became of them."""

    recipe: str
    context: RunContext
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    targets: list[Ref] = field(default_factory=list)
    """What was asked for. Entries on the same rows share artifacts: such a ref stands here for each."""
    _looked_up: dict[Ref, artifacts.Made | None] = field(default_factory=dict)

    def look_up(self, targets: Sequence[Ref]) -> None:
        """Ask the store at once for `targets` and what they need, and show which are there already."""
        refs = [ref for ref in ordered(list(targets)) if ref not in self._looked_up]
        there, first = artifacts.look_up_all(refs), not self._looked_up
        self._looked_up |= {ref: there.get(ref) for ref in refs}
        if refs and first:  # what comes later, such as the report, is made of the others
            LOG.info("%d of %d steps are there already", len(there), len(refs))
        if there:
            _show_hits(self.context, there)

    def there(self) -> dict[Ref, artifacts.Made]:
        """What was looked up and is there."""
        return {ref: made for ref, made in self._looked_up.items() if made is not None}

    def missing(self) -> list[Ref]:
        """What was looked up and is not there."""
        return [ref for ref, made in self._looked_up.items() if made is None]

    def expect(self, estimates: Mapping[Ref, Mapping[str, Any]]) -> None:
        """Keep with each step's run what it is expected to take."""
        self.context.expected.update({ref.key: estimate for ref, estimate in estimates.items()})

    def execute(self, targets: Sequence[Ref]) -> None:
        """Make `targets` and what they need, but for what is there already.

        A step whose inputs failed is not run; the others go on.
        """
        self.look_up(targets)
        self.targets += targets
        new = [ref for ref in ordered(list(targets)) if ref.key not in self.outcomes]
        hits = {ref: found(ref, made) for ref in new if (made := self._looked_up[ref]) is not None}
        self.outcomes |= {ref.key: outcome for ref, outcome in hits.items()}
        missing = [ref for ref in new if ref not in hits]
        with Submitting(self.context, missing) as start:
            schedule.run(missing, self.outcomes, self.context.engine, start)
        for ref in new:  # in their order, and not in that in which they ended
            self.outcomes[ref.key] = self.outcomes.pop(ref.key)

    def done(self, ref: Ref) -> bool:
        """Whether the artifact of `ref` is there now."""
        outcome = self.outcomes.get(ref.key)
        return outcome is not None and outcome.status in ("hit", "run")

    def failures(self) -> list[Outcome]:
        """Steps that failed, in order."""
        return [outcome for outcome in self.outcomes.values() if outcome.status == "failed"]


class RunFailed(HeadwaterError):
    """What ended a run after it had begun; `run` holds what became of its steps."""

    def __init__(self, message: str, run: FlowRun) -> None:
        super().__init__(message)
        self.run = run


@dataclass(frozen=True)
class Shown:
    """What MLflow's pages say of a recipe."""

    text: str
    """The recipe itself, kept as a file of the parent run."""
    settings: Mapping[str, str]
    """By their dotted path, which become parameters of the parent run."""
    about: str
    """In words, for the experiment."""


@contextmanager
def flow_run(recipe: str, machine: Machine, shown: Shown) -> Iterator[FlowRun]:
    """Open the MLflow parent run of the current Prefect flow run, and close it as the flow ends.

    Args:
        recipe: the recipe's name, which names the MLflow experiment.
        machine: where numbers are computed, and by which engine.
        shown: what the pages say of the recipe.

    Raises:
        RunFailed: at the end, when any step failed, naming each with its reason; or when MLflow no longer answers.
        RecipeError: what the engine takes here is missing.
        StoreError: MLflow does not answer from the start.
    """
    STOPPING.clear()
    needs.check(machine.engine)
    flow = FlowRunContext.get()
    assert flow is not None and flow.flow_run is not None, "flow_run() is for the inside of a flow"
    flow_run_id, name = str(flow.flow_run.id), flow.flow_run.name
    killed.begin(flow_run_id)
    experiment_id = connection.experiment(recipe)
    decoration.experiment(experiment_id, recipe, shown.about)
    killed.end_killed()
    tags = {"headwater.recipe": recipe, "headwater.flow": name, **_prefect_url(flow_run_id)}
    parent_id = runs.open_parent(experiment_id, name, flow_run_id, tags)
    link_to(runs.run_url(experiment_id, parent_id), "Everything this flow run made and measured")
    notices.label(flow_run_id, runs.run_url(experiment_id, parent_id))
    with connection.patience(), Board() as board:
        engine = engine_of(machine, board)
        context = RunContext(experiment_id, parent_id, flow_run_id, engine)
        run, page = FlowRun(recipe, context), FrontPage(context)
        status = runs.KILLED
        try:
            with engine, _stop_on_interrupt(engine):
                page.open(shown.text, shown.settings)
                provenance.keep(parent_id)
                yield run
            status = runs.FAILED if run.failures() else runs.FINISHED
        except Exception as error:
            status = runs.FAILED
            if isinstance(error, HeadwaterError):
                raise RunFailed(str(error), run) from error
            raise
        finally:
            page.close(list(run.outcomes.values()), status)
    if failures := run.failures():
        raise RunFailed("; ".join(f"{item.ref.title} failed: {item.reason}" for item in failures), run)


def _show_hits(context: RunContext, hits: Mapping[Ref, artifacts.Made]) -> None:
    """One table on the flow run's page for all that was there already: what runs is a task run, with a link."""
    table = [
        {"step": ref.title, "MLflow run": runs.run_url(context.experiment_id, made.run_id)}
        for ref, made in hits.items()
    ]
    with courtesy():
        create_table_artifact(table, description=f"{len(hits)} steps whose artifacts were there already")


@contextmanager
def _stop_on_interrupt(engine: Engine) -> Iterator[None]:
    """On Ctrl-C and SIGTERM stop the steps first, so that no thread is left waiting for one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in signals}

    def stop(number: int, frame: Any) -> None:
        STOPPING.set()
        engine.stop()
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


def _prefect_url(flow_run_id: str) -> dict[str, str]:
    api = os.environ.get("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    pages = os.environ.get("PREFECT_UI_URL") or api.removesuffix("/api")
    return {"headwater.prefect_url": f"{connection.public(pages)}/runs/flow-run/{flow_run_id}"}
