"""The registry: every transferred model is there, and the alias moves only to one that is not worse."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow.pyfunc
import pandas as pd
import polars as pl
import pytest

from flows.commands.predict import predict
from flows.commands.servers import free_port
from models.adapted.files import VALIDATION, downstream_of
from models.config import Config
from models.transfer.finetune import Finetune
from tasks import serving
from tasks.graph import refs
from tasks.graph.step import step
from tasks.promote import PromoteConfig, promote
from tasks.running.execution import RunContext
from tasks.running.job import Job
from tasks.storage import artifacts, connection, registry
from tests.support.demo_chain import QUICK, ROWS, adapted
from tests.support.making import make

UNTAUGHT = Finetune(
    learning_rates=(1e-9,), train_embeddings=(True,), epochs=1, min_steps=1, evaluations=1, linear_start=False
)
"""Leaves a model with a head drawn at random."""


class Rows(Config):
    """How many validation rows there were."""

    count: int = 60


@step(refs.Adapted)
def perfect(job: Job, config: Rows, adapted: refs.Adapted) -> None:
    """The same model, had it been right on every validation row."""
    folder = job.files(adapted)
    shutil.copytree(folder, job.out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.json"))
    downstream = downstream_of(folder)
    rows = pl.read_parquet(job.files(ROWS) / "validation.parquet").head(config.count)
    right = pl.DataFrame(downstream.statistics(rows, rows.select("id", prediction="label")))
    rows.select("id").hstack(right).write_parquet(job.out / VALIDATION)


def promoted(name: str, context: RunContext, *models: refs.Adapted) -> dict:
    made = make(promote(PromoteConfig(name=name), adapted=models), context)
    return json.loads((made / "promotion.json").read_text())


def champion(name: str) -> str:
    return connection.client().get_model_version_by_alias(name, "champion").run_id


def test_every_model_is_a_version_and_the_best_is_the_champion(context: RunContext) -> None:
    good, poor = adapted("finetune"), adapted("finetune", way=UNTAUGHT)
    found = promoted("toy-classification", context, poor, good)
    versions = connection.client().search_model_versions("name = 'toy-classification'")
    assert {version.run_id for version in versions} == {
        artifacts.find(item.key).run_id for item in (good, poor)
    }
    assert found["validation"][found["best"]] == max(found["validation"].values())
    assert champion("toy-classification") == artifacts.find(good.key).run_id
    assert {version.tags["headwater.key"] for version in versions} == {good.key, poor.key}


def test_the_champion_stays_where_the_new_one_is_worse(context: RunContext) -> None:
    poor = adapted("finetune")
    good = perfect(Rows(), adapted=poor)
    assert promoted("toy-stays", context, good)["crowned"]
    found = promoted("toy-stays", context, poor)
    assert not found["crowned"], found
    assert champion("toy-stays") == artifacts.find(good.key).run_id


def test_a_few_lucky_rows_make_no_champion(context: RunContext) -> None:
    good, poor = adapted("finetune"), adapted("finetune", way=UNTAUGHT)
    lucky = perfect(Rows(count=1), adapted=poor)
    found = promoted("toy-luck", context, lucky, good)
    assert champion("toy-luck") == artifacts.find(good.key).run_id
    assert found["best"] in found["validation"] and len(found["validation"]) == 1


def test_mlflow_loads_a_registered_model_that_answers_like_ours(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted("toy-loads", context, adapted("finetune"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", connection.tracking_uri())
    mlflow.set_tracking_uri(connection.tracking_uri())
    loaded = mlflow.pyfunc.load_model("models:/toy-loads@champion")
    texts = ["음악이 훌륭했다", "정말 지루했다"]
    answers = loaded.predict(pd.DataFrame({"text": texts}))
    assert [sum(answer["probabilities"].values()) for answer in answers] == pytest.approx([1.0, 1.0])
    for answer in answers:
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].__getitem__)
    folder = registry.champion("toy-loads")
    assert folder is not None
    assert serving.Pyfunc(folder).predict(pd.DataFrame({"text": texts})) == answers
    assert loaded.metadata.get_input_schema().input_names() == ["text"]
    assert loaded.input_example is not None


def test_a_row_of_a_file_that_lacks_its_text_is_answered_by_its_line(
    context: RunContext, tmp_path: Path
) -> None:
    promoted("toy-rows", context, adapted("finetune"))
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows.write_text('{"text": "좋다"}\n{"txet": "x"}\nno\n{"text": "나쁘다"}\n', encoding="utf-8")
    assert predict("toy-rows@champion", [], rows, out) == 1
    first, second, third, fourth = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert "label" in first and "label" in fourth
    assert (second, third["line"]) == ({"error": "no text in field 'text'", "line": 2}, 3)


@pytest.mark.slow
def test_mlflow_serves_it_over_http(context: RunContext) -> None:
    promoted("toy-served", context, adapted("finetune", way=QUICK.model_copy(update={"min_steps": 21})))
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/toy-served@champion",
        "--env-manager", "local", "--port", str(port), "--host", "127.0.0.1",
    ]  # fmt: skip
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "MLFLOW_TRACKING_URI": connection.tracking_uri(), "PATH": path}
    server = subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2], start_new_session=True)
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
