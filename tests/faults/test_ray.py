"""A Ray cluster of two nodes on loopback: a run ends right although one of them is killed; Ctrl-C leaves nothing."""

import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.commands.processes import free_port
from tests.support import recipes
from tests.support.up import PROJECT, Up
from tests.support.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra ray is not installed"),
]
LONG: dict[str, Any] = {
    **recipes.SMALL,
    "upstreams": [
        {
            **recipes.SMALL["upstreams"][0],
            "train": {"tokens": 600_000, "batch_tokens": 512, "checkpoint_seconds": 1},
        }
    ],
}


class Cluster:
    """A head that runs nothing, and nodes of one processor each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster as Nodes

        self.port = free_port()
        small: dict[str, Any] = {"object_store_memory": 80_000_000, "include_dashboard": False}
        head = {"num_cpus": 0, "ray_client_server_port": self.port, **small}
        self._nodes = Nodes(initialize_head=True, head_node_args=head)
        self._workers = [self._nodes.add_node(num_cpus=1, **small) for _ in range(2)]

    def add(self) -> None:
        """One more node."""
        self._workers.append(
            self._nodes.add_node(num_cpus=1, object_store_memory=80_000_000, include_dashboard=False)
        )

    def running(self, task: str) -> list[Any]:
        """The nodes in which a task runs, as the titles of Ray's processes say."""
        return [node for node in self._workers if self._children(node, task)]

    def kill(self, node: Any) -> None:
        """Kill all that a node is, at once."""
        raylet = self._raylet(node)
        for process in [*raylet.children(recursive=True), raylet]:
            process.kill()
        self._nodes.remove_node(node, allow_graceful=False)
        self._workers.remove(node)

    def stop(self) -> None:
        self._nodes.shutdown()

    def _children(self, node: Any, task: str) -> list[psutil.Process]:
        children = self._raylet(node).children(recursive=True)
        return [item for item in children if _title(item).startswith(f"ray::{task}")]

    @staticmethod
    def _raylet(node: Any) -> psutil.Process:
        (raylet,) = node.all_processes["raylet"]
        return psutil.Process(raylet.process.pid)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("shared"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        made = Cluster()
        yield made
        made.stop()


def begun(up: Up, *arguments: object, **environment: str) -> "subprocess.Popen[str]":
    """`headwater run` against the servers, with its standard output to read."""
    servers = {
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{up.mlflow}",
        "PREFECT_API_URL": f"http://127.0.0.1:{up.prefect}/api",
        "RAY_AUTH_MODE": "disabled",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run", *map(str, arguments)],
        env={**up.environment, **servers, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )


def made(home: Path) -> dict[str, dict[str, str]]:
    """The digest of each file of each artifact, by key."""
    found = {}
    for path in home.glob("**/manifest.json"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        found[manifest["key"]] = {item["path"]: item["sha256"] for item in manifest["files"]}
    return found


def test_a_run_whose_node_is_killed_makes_what_a_local_one_makes(
    up: Up, cluster: Cluster, tmp_path: Path
) -> None:
    recipe = recipes.write(tmp_path, LONG)
    address = f"ray://127.0.0.1:{cluster.port}"
    started = time.monotonic()
    with begun(up, recipe, "--on", address, "--json") as run:
        work = up.home / "work"
        until(lambda: run.poll() is not None or [*work.glob("*/resumable/**/step-*")], 400, "a checkpoint")
        for node in cluster.running("pretrain"):
            cluster.kill(node)
        out, err = run.communicate(timeout=600)
    print(f"on two nodes, one killed: {time.monotonic() - started:.0f} s\n{err}")
    assert run.returncode == 0, err
    steps = json.loads(out)["steps"]
    assert {step["status"] for step in steps} == {"run"}
    assert "pretrain (mlm) was lost with its process: NodeDiedError" in err
    killed = up.mlflow_runs("tags.`headwater.step` = 'pretrain'")
    assert sorted(item["info"]["status"] for item in killed) == ["FINISHED", "KILLED"]
    (flow,) = up.api("flow_runs/filter", {})
    assert flow["state"]["type"] == "COMPLETED"
    states = [item["state"]["type"] for item in up.task_runs(flow["id"])]
    assert states.count("CRASHED") == 1 and set(states) == {"COMPLETED", "CRASHED"}

    alone = tmp_path / "alone"
    local = {"HEADWATER_HOME": str(alone), "PREFECT_HOME": str(alone / "prefect")}
    started = time.monotonic()
    with begun(up, recipe, MLFLOW_TRACKING_URI="", PREFECT_API_URL="", **local) as run:
        _, err = run.communicate(timeout=600)
    print(f"locally: {time.monotonic() - started:.0f} s")
    assert run.returncode == 0, err
    keys = {step["key"] for step in steps if step["step"] != "report"}  # that tells how long each took
    here, there = made(alone), made(up.home)
    assert len(here) == len(keys) + 1
    assert {key: here[key] for key in keys} == {key: there[key] for key in keys}
    cluster.add()


def test_ctrl_c_ends_what_runs_on_the_cluster(up: Up, cluster: Cluster, tmp_path: Path) -> None:
    recipe = recipes.write(tmp_path, {**LONG, "seed": 2})
    with begun(up, recipe, "--on", f"ray://127.0.0.1:{cluster.port}") as run:
        until(lambda: run.poll() is not None or cluster.running("pretrain"), 400, "the pretraining")
        time.sleep(3)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130, out + err
    until(lambda: not cluster.running("pretrain"), 5, "the end of the step")
    left = up.mlflow_runs("attributes.status = 'RUNNING'")
    assert not left, [item["info"]["run_name"] for item in left]


def test_what_no_node_has_is_refused_before_the_first_step(up: Up, cluster: Cluster, tmp_path: Path) -> None:
    recipe = recipes.write(tmp_path, LONG)
    asking = ["--set", "resources.pretrain.gpus=1", "--on", f"ray://127.0.0.1:{cluster.port}"]
    with begun(up, recipe, *asking) as run:
        _, err = run.communicate(timeout=120)
    assert run.returncode == 2
    assert "pretrain asks for 1 CPU, 1 GPU, and no node of the cluster has as much" in err
