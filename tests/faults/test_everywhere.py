"""A run under `headwater up` that is killed at every place in turn ends in the very artifacts of an undisturbed one."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.recipes import SMALL, write
from tests.support.up import PROJECT, Up
from tests.support.waiting import until

pytestmark = pytest.mark.slow

LONG: dict[str, Any] = SMALL | {
    "upstreams": [SMALL["upstreams"][0] | {"train": {"tokens": 1_000_000, "batch_tokens": 512}}]
}
"""Its pretraining lasts long enough to be killed again and again."""
AWAY_SECONDS = 20.0


def artifacts(home: Path) -> dict[str, list[tuple[str, str]]]:
    """The digest of every file of every artifact, by the key of the step that made it."""
    found = (json.loads(path.read_text()) for path in (home / "artifacts").rglob("manifest.json"))
    return {
        f"{item['step']} {item['key']}": sorted((file["path"], file["sha256"]) for file in item["files"])
        for item in found
    }


def run(home: Path, recipe: Path) -> "subprocess.Popen[bytes]":
    environment = os.environ | {"HEADWATER_HOME": str(home), "PREFECT_HOME": str(home / "prefect")}
    command = [sys.executable, "-m", "flows.cli", "run", str(recipe)]
    return subprocess.Popen(command, env=environment, cwd=PROJECT, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("recipe"), LONG)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, recipe: Path) -> dict[str, list[tuple[str, str]]]:
    home = tmp_path_factory.mktemp("undisturbed")
    assert run(home, recipe).wait(600) == 0
    return artifacts(home)


def engine(up: Up) -> psutil.Process:
    """The process of the flow run."""
    return next(
        child for child in psutil.Process(up.process.pid).children(recursive=True)
        if "prefect.engine" in " ".join(child.cmdline())
    )  # fmt: skip


def server(up: Up, *words: str) -> list[psutil.Process]:
    """A server that `up` has started, with its children, the youngest first."""
    of_up = psutil.Process(up.process.pid)
    found = next(child for child in of_up.children() if all(word in child.cmdline() for word in words))
    return [*found.children(recursive=True), found]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != "zombie"]


def kill_flow(up: Up, flow_run_id: str) -> None:
    engine(up).kill()


def kill_worker(up: Up, flow_run_id: str) -> None:
    server(up, "worker", "start")[-1].kill()


def kill_up(up: Up, flow_run_id: str) -> None:
    everything = psutil.Process(up.process.pid).children(recursive=True)
    up.process.kill()
    up.process.wait()
    until(lambda: not alive(everything), 20, "the end of everything that up had started")
    up.start()


def cancel(up: Up, flow_run_id: str) -> None:
    processes = [engine(up), *engine(up).children(recursive=True)]
    up.set_state(flow_run_id, "CANCELLING")
    until(lambda: not alive(processes), 15, "the end of every process of a cancelled run")


def test_every_place_in_turn(
    tmp_path: Path, recipe: Path, undisturbed: dict[str, list[tuple[str, str]]]
) -> None:
    up = Up(tmp_path / "home")
    flow_run_id = up.begin(recipe)

    def pretrains() -> bool:
        condition = "tags.`headwater.step` = 'pretrain' and attributes.status = 'RUNNING'"
        return up.state(flow_run_id) == "RUNNING" and bool(up.mlflow_runs(condition))

    faults: list[tuple[Callable[[Up, str], None], str]] = [
        (kill_flow, "CRASHED"), (kill_worker, "CRASHED"), (kill_up, "CRASHED"), (cancel, "CANCELLED")
    ]  # fmt: skip
    try:
        for fault, end in faults:
            until(pretrains, 120, f"the pretraining for {fault.__name__}")
            fault(up, flow_run_id)
            until(lambda end=end: up.state(flow_run_id) == end, 120, f"{end} after {fault.__name__}")
            until(lambda: not up.mlflow_runs("attributes.status = 'RUNNING'"), 120, "the end in MLflow")
            until(
                lambda: not up.task_states(flow_run_id) & {"RUNNING", "PENDING"}, 120, "the end of task runs"
            )
            time.sleep(3)  # as a hand would: the worker still reports how the process ended
            up.set_state(flow_run_id, "SCHEDULED", "AwaitingRetry")
        until(pretrains, 120, "the pretraining for a killed training process")
        for process in engine(up).children(recursive=True):
            process.kill()
        until(lambda: up.state(flow_run_id) in ("COMPLETED", "FAILED"), 180, "the end of the run")
        assert up.state(flow_run_id) == "COMPLETED", "a killed training process is tried again by itself"
        up.set_state(up.begin(recipe), "CANCELLED")  # no place at the deployment is still taken by a dead run
        last = up.begin(recipe)
        until(lambda: up.state(last) == "COMPLETED", 90, "a run of all hits, after so many dead ones")
    finally:
        up.stop()
    assert artifacts(tmp_path / "home") == undisturbed


def test_both_servers_away_in_the_middle(
    tmp_path: Path, recipe: Path, undisturbed: dict[str, list[tuple[str, str]]]
) -> None:
    up = Up(tmp_path / "home")
    flow_run_id = up.begin(recipe)
    running = "tags.`headwater.step` = 'pretrain' and attributes.status = 'RUNNING'"
    try:
        until(lambda: up.mlflow_runs(running), 120, "the pretraining")
        away = [*server(up, "server", "mlflow"), *server(up, "server", "prefect")]
        for process in away:
            process.suspend()
        psutil.wait_procs(away, timeout=AWAY_SECONDS)
        for process in away:
            process.kill()
        until(lambda: up.process.poll() is None and _ended(up, flow_run_id), 240, "the end of the run")
        assert up.state(flow_run_id) == "COMPLETED"
        (pretrain,) = up.mlflow_runs("tags.`headwater.step` = 'pretrain'")
    finally:
        up.stop()
    assert artifacts(tmp_path / "home") == undisturbed
    assert pretrain["info"]["status"] == "FINISHED"


def _ended(up: Up, flow_run_id: str) -> bool:
    try:
        return up.state(flow_run_id) in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    except OSError:  # it is being started again
        return False


def test_four_that_begin_on_a_fresh_home_make_each_step_once(
    tmp_path: Path, recipe: Path, undisturbed: dict[str, list[tuple[str, str]]]
) -> None:
    four = [run(tmp_path / "home", recipe) for _ in range(4)]
    assert [one.wait(600) for one in four] == [0, 0, 0, 0]
    assert artifacts(tmp_path / "home") == undisturbed
    made = list((tmp_path / "home" / "artifacts").rglob("manifest.json"))
    assert len(made) == len(undisturbed), "each step once"
