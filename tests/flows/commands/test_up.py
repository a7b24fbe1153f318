"""`headwater up`: a deployment runs on the worker, a failed one is retried in Prefect's way, all of it stops again."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.commands.processes import free_port
from tests.support.recipes import SMALL, write

PROJECT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow


class Servers:
    """What `headwater up` has started."""

    def __init__(self, home: Path) -> None:
        self.home, self.prefect, self.mlflow = home, free_port(), free_port()
        self.environment = os.environ | {
            "HEADWATER_HOME": str(home),
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_API_URL": f"http://127.0.0.1:{self.prefect}/api",
            # The drill of the retried run: the first attempt at this step fails.
            "HEADWATER_FAIL": "score/classification/finetune:1",
        }
        ports = ["--prefect-port", str(self.prefect), "--mlflow-port", str(self.mlflow)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "up", *ports],
            env={name: value for name, value in self.environment.items() if name != "PREFECT_API_URL"},
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Stop"):
                return
        raise AssertionError("headwater up ended before it was up")

    def prefect_command(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "prefect", *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, cwd=PROJECT, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def api(self, path: str, body: Any = None, method: str | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.prefect}/api/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request) as response:
            return json.loads(response.read() or b"null")

    def ended(self, flow_run_id: str, run_count: int) -> dict[str, Any]:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            run = self.api(f"flow_runs/{flow_run_id}")
            if run["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED") and run["run_count"] >= run_count:
                return run
            time.sleep(1)
        raise AssertionError("the flow run did not end")

    def calls(self) -> dict[str, int]:
        """How many MLflow runs each step has."""
        found = self.mlflow_api("runs/search", {"experiment_ids": ["1"], "max_results": 500})["runs"]
        names = [run["info"]["run_name"] for run in found if "headwater.step" in _tags(run)]
        return {name: names.count(name) for name in names}

    def mlflow_api(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.mlflow}/api/2.0/mlflow/{path}",
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            return json.load(response)


def _tags(run: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    started = Servers(tmp_path_factory.mktemp("up"))
    yield started
    started.process.send_signal(signal.SIGINT)
    assert started.process.wait(30) == 0
    for port in (started.prefect, started.mlflow):
        with pytest.raises(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=2)


def test_every_deployment_is_there_and_schedules_wait(servers: Servers) -> None:
    found = {}
    for deployment in servers.api("deployments/filter", {}):
        flow = servers.api(f"flows/{deployment['flow_id']}")["name"]
        found[f"{flow}/{deployment['name']}"] = [
            (item["schedule"]["cron"], item["schedule"]["timezone"], item["active"])
            for item in deployment["schedules"]
        ]
        assert set(deployment["parameter_openapi_schema"]["properties"]) >= {"recipe", "overrides"}
    assert found == {
        "transfer-learning/weekly": [("0 2 * * 6", "Asia/Seoul", False)],
        "transfer-learning/demo": [],
        "corpus/nightly": [("0 1 * * *", "Asia/Seoul", False)],
        "pretraining/on-demand": [],
        "downstream/on-demand": [],
    }


def test_a_schedule_that_is_on_stays_on_when_everything_is_deployed_again(servers: Servers) -> None:
    def weekly() -> dict[str, Any]:
        return next(item for item in servers.api("deployments/filter", {}) if item["name"] == "weekly")

    place = f"deployments/{weekly()['id']}/schedules/{weekly()['schedules'][0]['id']}"
    servers.api(place, {"active": True}, method="PATCH")
    # In a process of its own: Prefect looks only once, when it is imported, where its server is.
    deploy = [sys.executable, "-c", "from flows.commands import deploying; deploying.deploy()"]
    subprocess.run(deploy, env=servers.environment, cwd=PROJECT, check=True)
    active = {
        item["name"]: [schedule["active"] for schedule in item["schedules"]]
        for item in servers.api("deployments/filter", {})
    }
    assert (active["weekly"], active["nightly"]) == ([True], [False])


def test_a_failed_run_is_retried_in_prefects_way_and_makes_only_what_is_missing(
    servers: Servers, tmp_path: Path
) -> None:
    parameters = json.dumps({"recipe": str(write(tmp_path, SMALL))})
    servers.prefect_command("deployment", "run", "transfer-learning/demo", "--params", parameters)
    # The weekly schedule is on by now, and has runs of its own that wait.
    (started,) = servers.api("flow_runs/filter", {"deployments": {"name": {"any_": ["demo"]}}})
    failed = servers.ended(started["id"], 1)
    assert failed["state"]["type"] == "FAILED"
    assert "score/classification/finetune (100 labels) failed" in failed["state"]["message"]
    before = servers.calls()
    assert before["score/classification/finetune"] == 1

    servers.prefect_command("flow-run", "retry", started["id"])
    assert servers.ended(started["id"], 2)["state"]["type"] == "COMPLETED"
    after = servers.calls()
    again = {name for name in after if after[name] != before.get(name)}
    assert again == {"score/classification/finetune", "report"}

    links = servers.api("artifacts/filter", {"artifacts": {"type": {"any_": ["markdown"]}}, "limit": 100})
    made = servers.mlflow_api("runs/search", {"experiment_ids": ["1"], "max_results": 500})["runs"]
    for found in made:
        assert any(found["info"]["run_id"] in link["data"] for link in links), found["info"]["run_name"]
        assert _tags(found)["headwater.flow_run_id"] == started["id"]

    run = servers.mlflow_api(
        "runs/search",
        {
            "experiment_ids": ["1"],
            "filter": "tags.`headwater.step` = 'report' and attributes.status = 'FINISHED'",
        },
    )["runs"][0]
    address = (
        f"http://127.0.0.1:{servers.mlflow}/get-artifact?path=index.html&run_uuid={run['info']['run_id']}"
    )
    with urllib.request.urlopen(address) as response:
        assert "긍정" in response.read().decode()
