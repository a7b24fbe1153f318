"""MLflow's server away in the middle of training: stopped, killed, started again."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from flows.commands.processes import LOOPBACK, free_port, start, stop
from tasks.storage import connection, runs
from tasks.storage.metric_log import MetricLog


def test_each_metric_point_is_there_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    connection.make(connection.embedded_uri())
    port = free_port()
    store = ["--backend-store-uri", connection.embedded_uri(), "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "server", *store, "--host", LOOPBACK, "--port", str(port)]
    server = start("mlflow", command, {})
    try:
        server.wait_until(f"http://{LOOPBACK}:{port}/health", 90)
        # A client that gives up soon asks again while the server is stopped: the server hears both questions.
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{LOOPBACK}:{port}")
        run_id = runs.open_parent(connection.experiment("away"), "away", "away", {})
        with connection.patience():
            log = MetricLog(run_id, every_seconds=0.2)
            for step in range(1, 31):
                log.add({"loss": 1 / step}, step)
                if step == 5:
                    os.killpg(server.process.pid, signal.SIGSTOP)
                if step == 15:
                    time.sleep(3)
                    os.killpg(server.process.pid, signal.SIGCONT)
                if step == 20:
                    os.killpg(server.process.pid, signal.SIGKILL)
                    server.process.wait()
                if step == 25:
                    assert server.keep()
                time.sleep(0.05)
            log.close()
        history = connection.client().get_metric_history(run_id, "loss")
        assert [point.step for point in sorted(history, key=lambda point: point.timestamp)] == list(
            range(1, 31)
        )
    finally:
        stop([server])
