"""`headwater up` in a process of its own, as its users start it, and what its two servers say."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.commands.processes import free_port

PROJECT = Path(__file__).parents[2]


class Up:
    """What `headwater up` has started."""

    def __init__(
        self,
        home: Path,
        *arguments: str,
        folder: Path = PROJECT,
        environment: Mapping[str, str] = {},
        headwater: Sequence[str] = (sys.executable, "-m", "flows.cli"),
    ) -> None:
        self.home, self.prefect, self.mlflow = home, free_port(), free_port()
        self._arguments, self._folder, self._headwater = arguments, folder, headwater
        own = {"HEADWATER_HOME": str(home), "PREFECT_HOME": str(home / "prefect"), "PYTHONPATH": str(PROJECT)}
        self.environment = {**os.environ, **own, **environment}
        login = f"headwater:{environment.get('HEADWATER_PASSWORD')}".encode()
        basic = {"authorization": f"Basic {b64encode(login).decode()}"}
        self._headers = basic if "--auth" in arguments else {}
        self.start()

    def start(self) -> None:
        """Start it, again on the same ports, and wait until it is up."""
        ports = ["--prefect-port", str(self.prefect), "--mlflow-port", str(self.mlflow)]
        self.process = subprocess.Popen(
            [*self._headwater, "up", *ports, *self._arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self._folder,
        )
        assert self.process.stdout is not None
        self.said = []
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if line.startswith("Stop"):
                return
        raise AssertionError("headwater up ended before it was up")

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0

    def command(self, *arguments: str) -> str:
        """What a command says that is told where Prefect's server is."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment | {"PREFECT_API_URL": f"http://127.0.0.1:{self.prefect}/api"},
            capture_output=True,
            text=True,
            cwd=self._folder,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def api(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """What Prefect's server answers."""
        return _asked(f"http://127.0.0.1:{self.prefect}/api/{path}", body, method, self._headers)

    def mlflow_runs(self, condition: str = "") -> list[dict[str, Any]]:
        """MLflow's runs that meet a filter."""
        body = {"experiment_ids": ["1"], "filter": condition, "max_results": 500}
        address = f"http://127.0.0.1:{self.mlflow}/api/2.0/mlflow/runs/search"
        return _asked(address, body, headers=self._headers).get("runs", [])

    def front(self, flow_run_id: str) -> str:
        """The id of the MLflow run of a flow run."""
        condition = f"tags.`headwater.parent` = 'true' and tags.`headwater.flow_run_id` = '{flow_run_id}'"
        (found,) = self.mlflow_runs(condition)
        return found["info"]["run_id"]

    def mlflow_file(self, run_id: str, path: str) -> bytes:
        """A file of an MLflow run."""
        url = f"http://127.0.0.1:{self.mlflow}/get-artifact?path={path}&run_uuid={run_id}"
        with urllib.request.urlopen(url, timeout=60) as response:
            return response.read()

    def begin(self, recipe: Path, overrides: dict[str, Any] | None = None, name: str = "demo") -> str:
        """Start a run of a deployment on a recipe; its id."""
        demo = next(item for item in self.api("deployments/filter", {}) if item["name"] == name)
        parameters = {"recipe": str(recipe), "overrides": overrides or {}}
        asked = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return self.api(f"deployments/{demo['id']}/create_flow_run", asked)["id"]

    def set_state(self, flow_run_id: str, kind: str, name: str | None = None) -> None:
        """What Cancel and Retry on Prefect's page do."""
        self.api(f"flow_runs/{flow_run_id}/set_state", {"state": {"type": kind, "name": name}})

    def state(self, flow_run_id: str) -> str:
        """The state of a flow run."""
        return self.api(f"flow_runs/{flow_run_id}")["state"]["type"]

    def task_runs(self, flow_run_id: str) -> list[dict[str, Any]]:
        """A flow run's task runs."""
        return self.api("task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})

    def task_states(self, flow_run_id: str) -> set[str]:
        """The states of a flow run's task runs."""
        return {run["state"]["type"] for run in self.task_runs(flow_run_id)}


def _asked(url: str, body: Any, method: str | None = None, headers: Mapping[str, str] = {}) -> Any:
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json", **headers},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read() or b"null")
