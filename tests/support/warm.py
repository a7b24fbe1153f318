"""Commands that start at once: each is a fork of a process that has imported the libraries already, and so are the
training processes that it starts.

Importing them takes longer than most of what tests ask of a command.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path

import pytest

IMPORTED = [
    "flows.commands.run",
    "flows.commands.results",
    "flows.transfer",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "pandera.polars",
    # what training processes import beside
    "models.downstream.classification",
    "models.inference.inputs",
    "models.pretraining.pretrain",
    "models.reporting.page",
    "models.transfer.finetune",
    "peft",
    "scipy.linalg",
    "sklearn.linear_model",
    "tasks.running.work",
]
_READ_EARLY = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
"""What `headwater run` sets before Prefect is imported, which here it is already."""
READ_LATE = {
    "HEADWATER_FAIL",
    "HEADWATER_HOME",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
    "MLFLOW_TRACKING_URI",
}
"""What is looked at when it is needed: a command that has imported everything can still be told it."""
_LONGEST = 900.0  # a bound for a hung command, not an expectation


def start(
    arguments: Sequence[str], environment: Mapping[str, str], late: Mapping[str, str], said: Path
) -> int:
    """Runs `headwater` with these arguments; its exit code. What it says is written to `out` and `err` in `said`.

    The environment of the first call is that of all, for Prefect looks at it when it is imported; `late` is this
    command's alone.
    """
    context = multiprocessing.get_context("forkserver")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**environment, **_READ_EARLY}.items():
            patch.setenv(name, value)
        context.set_forkserver_preload(IMPORTED)
        forkserver.ensure_running()
    command = context.Process(target=_run, args=(arguments, dict(late), said))
    command.start()
    command.join(_LONGEST)
    assert command.exitcode is not None, f"{arguments}: still running after {_LONGEST} s"
    return command.exitcode


def _run(arguments: Sequence[str], late: dict[str, str], said: Path) -> None:
    os.environ.update(late)
    if late.keys() <= {
        "HEADWATER_FAIL"
    }:  # of all else that is this command's alone a training process must know
        _fork_training_processes()
    for name, number in (("out", 1), ("err", 2)):
        file = os.open(said / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    from flows import cli

    sys.argv = ["headwater", *arguments]
    sys.exit(cli.main(arguments))


def _fork_training_processes() -> None:
    """Instead of spawning them. Python's own server of forks is asked, which otherwise only its first client can."""
    if sys.version_info < (3, 14):  # from there on it wants to know who asks
        forkserver._forkserver.ensure_running = lambda: None  # type: ignore[method-assign]
        contexts = multiprocessing.context._concrete_contexts  # type: ignore[attr-defined]
        contexts["spawn"] = contexts["forkserver"]
