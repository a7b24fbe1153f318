"""MLflow's own pages, on a real server in a real browser: where an experiment opens, its data and its models."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from tasks.running.execution import RunContext
from tasks.storage import artifacts, connection, decoration, runs
from tests.support.demo_chain import adapted, scored
from tests.support.making import make

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")]
MADE = adapted("finetune")
TRAINING = "?workflowType=machine_learning"


@pytest.fixture
def address(context: RunContext) -> Iterator[str]:
    """Of an MLflow server for the store of the tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    server = subprocess.Popen([*command, "--backend-store-uri", connection.tracking_uri()], env=os.environ)
    try:
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while time.monotonic() < until:
            with suppress(OSError):
                urlopen(f"{url}/health").close()
                break
            time.sleep(0.5)
        yield url
    finally:
        server.terminate()
        server.wait()


def seen(url: str, folder: Path) -> str:
    """What a browser that has never been here makes of a page."""
    quiet = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    ]
    own = [f"--user-data-dir={folder}", "--virtual-time-budget=20000", "--dump-dom", url]
    done = subprocess.run(
        [str(CHROMIUM), *quiet, *own], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_pages_show_runs_their_data_and_their_models(
    context: RunContext, address: str, tmp_path: Path
) -> None:
    make(scored(MADE)[1], context)
    made = artifacts.find(MADE.key)
    assert made is not None
    run = connection.client().get_run(made.run_id)
    experiment_id = run.info.experiment_id
    decoration.experiment(experiment_id, "brook", "a brook of many runs")
    of_run = runs.run_url(experiment_id, made.run_id).partition("#")[2]

    experiment = seen(f"{address}/#/experiments/{experiment_id}{TRAINING}", tmp_path)
    assert "a brook of many runs" in experiment and "matching run" in experiment
    assert "Evaluation runs" not in experiment
    page = seen(f"{address}/#{of_run}", tmp_path)
    assert "Evaluation runs" not in page
    for words in ("/train", "validation/accuracy", run.data.tags["mlflow.source.name"]):
        assert words in page
    assert run.outputs is not None
    models = seen(f"{address}/#/experiments/{experiment_id}/models{TRAINING}", tmp_path)
    assert run.outputs.model_outputs[0].model_id in models and "Ready" in models
