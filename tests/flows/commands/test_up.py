"""`headwater up`: a deployment runs on the worker, a failed one is retried in Prefect's way, all of it stops again."""

import json
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.recipes import SMALL, write
from tests.support.up import PROJECT, Up
from tests.support.waiting import until

ENDS = ("COMPLETED", "FAILED", "CRASHED")
pytestmark = pytest.mark.slow


OWN = """
deployments:
  - name: mine
    entrypoint: flows.transfer.transfer_learning
    parameters: {recipe: mine.yaml}
    work_pool: {name: headwater}
    schedules: [{cron: "0 5 1 1 *", timezone: Asia/Seoul, active: true}]
"""


class Webhook(ThreadingHTTPServer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Told)
        self.texts: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Told(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, Webhook)
        self.server.texts.append(json.loads(body)["text"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def calls(up: Up) -> dict[str, int]:
    """How many MLflow runs each step has."""
    names = [run["info"]["run_name"] for run in up.mlflow_runs() if "headwater.step" in _tags(run)]
    return {name: names.count(name) for name in names}


def _tags(run: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    with Webhook() as listening:
        yield listening
        listening.shutdown()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, webhook: Webhook) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(PROJECT / "prefect.yaml", folder)
    (folder / "own.prefect.yaml").write_text(OWN, encoding="utf-8")
    started = Up(
        tmp_path_factory.mktemp("up"),
        *("--notify", webhook.url),
        folder=folder,
        # The drill of the retried run: the first attempt at this step fails.
        environment={"HEADWATER_FAIL": "score/classification/finetune:1"},
    )
    yield started
    started.stop()
    for port in (started.prefect, started.mlflow):
        with pytest.raises(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=2)


def test_every_deployment_is_there_and_schedules_wait(up: Up) -> None:
    found = {}
    for deployment in up.api("deployments/filter", {}):
        flow = up.api(f"flows/{deployment['flow_id']}")["name"]
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
        "transfer-learning/mine": [("0 5 1 1 *", "Asia/Seoul", True)],
    }
    said = [line for line in up.said if line.startswith("Schedule")]
    assert said == ["Schedule  transfer-learning/mine  0 5 1 1 *  Asia/Seoul"], "the one that is on"


def test_a_schedule_that_is_on_stays_on_when_everything_is_deployed_again(up: Up) -> None:
    def weekly() -> dict[str, Any]:
        return next(item for item in up.api("deployments/filter", {}) if item["name"] == "weekly")

    place = f"deployments/{weekly()['id']}/schedules/{weekly()['schedules'][0]['id']}"
    up.api(place, {"active": True}, method="PATCH")
    said = up.command("-m", "flows.cli", "deploy")
    assert "Deployed  transfer-learning/weekly" in said
    active = {
        item["name"]: [schedule["active"] for schedule in item["schedules"]]
        for item in up.api("deployments/filter", {})
    }
    assert (active["weekly"], active["nightly"]) == ([True], [False])


def test_a_failed_run_is_retried_in_prefects_way_and_makes_only_what_is_missing(
    up: Up, webhook: Webhook, tmp_path: Path
) -> None:
    started = up.begin(write(tmp_path, SMALL))
    until(lambda: up.state(started) in ENDS, 300, "the end of the run")
    state = up.api(f"flow_runs/{started}")["state"]
    assert state["type"] == "FAILED"
    assert "score/classification/finetune (100 labels) failed" in state["message"]
    (flow,) = up.mlflow_runs("tags.`headwater.parent` = 'true'")
    until(lambda: webhook.texts, 60, "the notification")
    for part in (
        "Failed",
        "score/classification/finetune (100 labels) failed on purpose",
        f"http://127.0.0.1:{up.prefect}/runs/flow-run/{started}",
        f"http://127.0.0.1:{up.mlflow}/#/experiments/1/runs/{flow['info']['run_id']}",
    ):
        assert part in webhook.texts[0]
    before = calls(up)
    assert before["score/classification/finetune"] == 1

    up.command("-m", "prefect", "flow-run", "retry", started)
    until(lambda: up.state(started) == "COMPLETED", 300, "the end of the retried run")
    after = calls(up)
    again = {name for name in after if after[name] != before.get(name)}
    assert again == {"score/classification/finetune", "promote/classification", "report"}

    links = up.api("artifacts/filter", {"artifacts": {"type": {"any_": ["markdown"]}}, "limit": 100})
    for found in up.mlflow_runs():
        if "headwater.entry" in _tags(found):  # only holds steps together
            continue
        assert any(found["info"]["run_id"] in link["data"] for link in links), found["info"]["run_name"]
        assert _tags(found)["headwater.flow_run_id"] == started

    run = up.mlflow_runs("tags.`headwater.step` = 'report' and attributes.status = 'FINISHED'")[0]
    address = f"http://127.0.0.1:{up.mlflow}/get-artifact?path=index.html&run_uuid={run['info']['run_id']}"
    with urllib.request.urlopen(address) as response:
        assert "긍정" in response.read().decode()
    assert len(webhook.texts) == 1, "once each, and not of what went well"
