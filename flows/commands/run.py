"""`headwater run`: one recipe in this process, with an embedded Prefect server, and what came out at the end."""

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.recipe.recipe import Recipe
from tasks.environment import EMBEDDED_PREFECT, as_written
from tasks.running import needs

if TYPE_CHECKING:
    from tasks.graph.refs import Ref
    from tasks.running.flow_run import FlowRun, RunFailed

_HEARTBEAT_SECONDS = 30


def run(path: Path, overrides: dict[str, Any], only: Sequence[str], *, steps: bool, as_json: bool) -> int:
    """Run a recipe and show what came out, or what became of each of its steps; gives the exit code.

    Raises:
        RecipeError: before the first step, for what can be found by then.
        HeadwaterError: the run could not start.
        KeyboardInterrupt: it was stopped, with its children.
    """
    recipe = Recipe.load(path, overrides)
    for line in recipe.found:
        print(f"{recipe.name}: {line}", file=sys.stderr)
    recipe.check(only)
    for pin in recipe.pins():
        print(f"{recipe.name}: {pin}", file=sys.stderr)
    finished, error = executed(recipe, path, overrides, only)
    from flows.commands import outcome

    if as_json:
        print(outcome.as_json(finished, error))
    else:
        outcome.show(finished, error, steps=steps)
    return 1 if error else 0


def executed(
    recipe: Recipe, path: Path, overrides: dict[str, Any], only: Sequence[str]
) -> "tuple[FlowRun, RunFailed | None]":
    """Run a checked recipe; what became of its steps, and the error that ended it.

    Raises:
        RecipeError: a registered model is somebody else's.
        HeadwaterError: the run could not begin.
    """
    from flows.commands.servers import embedded_prefect, wait_for

    needs.check(recipe.engine)
    # Who called it says in one line what went wrong; Prefect's pages keep it in full.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    with embedded_prefect() as server, ExitStack() as stack:
        from flows.graph.chain import chain
        from flows.graph.registered import check_registered
        from tasks.running import engines

        targets = chain(recipe, only)
        check_registered(targets)
        stack.enter_context(engines.ready(recipe.machine))
        importlib.import_module("flows.transfer")  # and so Prefect is imported while its server is starting
        if server is not None:
            print(f"{recipe.name}: starting Prefect …", file=sys.stderr)
            wait_for(server)
        try:
            return _transfer_learning(recipe, path, overrides, only, targets)
        finally:
            send_logs()


def _transfer_learning(
    loaded: Recipe, path: Path, overrides: dict[str, Any], only: Sequence[str], targets: "Sequence[Ref]"
) -> "tuple[FlowRun, RunFailed | None]":
    """Runs the flow on the recipe as it was checked; what became of its steps, and the error that ended it.

    Raises:
        HeadwaterError: the run could not begin.
    """
    from prefect import flow
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.transfer import run_chain, transfer_learning
    from tasks.running.flow_run import FlowRun, RunFailed

    # What the deployed flow does, but for reading the recipe again, which may no longer be what was checked.
    @flow(name=transfer_learning.name, flow_run_name=transfer_learning.flow_run_name, persist_result=False)
    def on_loaded(recipe: Path, overrides: dict[str, Any], only: list[str]) -> None:
        # Not given back: what a flow returns Prefect goes through, to the last setting.
        ended.append(run_chain(loaded, only, targets))

    ended: list[FlowRun] = []

    # Heartbeats are for servers that outlive the run; waiting for their thread costs seconds.
    own = os.environ.get("PREFECT_API_URL") == os.environ.get(EMBEDDED_PREFECT)
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None if own else _HEARTBEAT_SECONDS}):
        try:
            # They are for Prefect's pages alone, which others read.
            on_loaded(recipe=path, overrides=as_written(overrides), only=list(only))
            return ended[0], None
        except RunFailed as error:
            return error.run, error


def send_logs() -> None:
    """Logs and events that wait in this process reach the server before it stops."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogHandler

    APILogHandler().flush()
    EventsWorker.drain_all(timeout=5)
