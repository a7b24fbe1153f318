"""Registered models answer the same by `headwater predict`, by MLflow's pyfunc and over HTTP."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow.pyfunc
import pandas as pd
import pytest

from flows.commands.predict import predict
from flows.commands.processes import free_port
from tasks import serving
from tasks.graph import refs
from tasks.promote import PromoteConfig, promote
from tasks.running.execution import RunContext
from tasks.storage import connection
from tasks.storage.registry import RegisteredModel
from tests.support.demo_chain import QUICK, ROWS, adapted
from tests.support.making import make


def promoted(entry: str, context: RunContext, model: refs.Adapted) -> None:
    make(promote(PromoteConfig(recipe="toy", entry=entry), rows=ROWS, adapted=(model,)), context)


def test_mlflow_loads_a_registered_model_that_answers_like_ours(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted("loads", context, adapted("finetune"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", connection.tracking_uri())
    mlflow.set_tracking_uri(connection.tracking_uri())
    loaded = mlflow.pyfunc.load_model("models:/toy-loads@champion")
    texts = ["음악이 훌륭했다", "정말 지루했다"]
    answers = loaded.predict(pd.DataFrame({"text": texts}))
    assert [sum(answer["probabilities"].values()) for answer in answers] == pytest.approx([1.0, 1.0])
    for answer in answers:
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].__getitem__)
    champion = RegisteredModel("toy", "loads").champion()
    folder = champion and champion.folder()
    assert folder is not None
    assert serving._load_pyfunc(str(folder)).predict(pd.DataFrame({"text": texts})) == answers
    assert loaded.metadata.get_input_schema().input_names() == ["text"]
    assert loaded.input_example is not None


def test_a_row_of_a_file_that_lacks_its_text_is_answered_by_its_line(
    context: RunContext, tmp_path: Path
) -> None:
    promoted("rows", context, adapted("finetune"))
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows.write_text('{"text": "좋다"}\n{"txet": "x"}\nno\n{"text": "나쁘다"}\n', encoding="utf-8")
    assert predict("toy-rows@champion", [], rows, out) == 1
    first, second, third, fourth = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert "label" in first and "label" in fourth
    assert (second, third["line"]) == ({"error": "no text in field 'text'", "line": 2}, 3)


@pytest.mark.slow
def test_mlflow_serves_it_over_http_whatever_lies_where_it_is_started(
    context: RunContext, tmp_path: Path
) -> None:
    promoted("served", context, adapted("finetune", way=QUICK.model_copy(update={"min_steps": 21})))
    for name in ("models", "tasks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('not yours')")
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/toy-served@champion",
        "--env-manager", "local", "--port", str(port), "--host", "127.0.0.1",
    ]  # fmt: skip
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "MLFLOW_TRACKING_URI": connection.tracking_uri(), "PATH": path}
    server = subprocess.Popen(command, env=environment, cwd=tmp_path, start_new_session=True)
    try:
        answer = ask(port, {"dataframe_records": [{"text": "음악이 훌륭했다"}]})
        assert set(answer["predictions"][0]["probabilities"]) == {"긍정", "부정"}
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)


def ask(port: int, body: dict) -> dict:
    """The answer of a server that may still be starting."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(request) as response:
                return json.load(response)
        except OSError:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(1)
