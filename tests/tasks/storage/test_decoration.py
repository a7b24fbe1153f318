"""What MLflow's pages show of a step: its data, models, curves, tables and figures; a step never fails for them."""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow.artifacts
import mlflow.pyfunc
import pandas as pd
import polars as pl
import pytest
from mlflow.entities import LoggedModel, Run

from tasks.graph.refs import Ref
from tasks.ingest import IngestConfig, ingest
from tasks.running.execution import RunContext, produce
from tasks.sources.files import Files
from tasks.storage import artifacts, connection, decoration, registry, system_metrics
from tasks.storage.datasets import log_sources
from tests.support.demo_chain import LABELLED, ROWS, adapted, scored
from tests.support.making import make

MADE = adapted("finetune")
PREDICTED, SCORED = scored(MADE)


def run_of(ref: Ref) -> Run:
    made = artifacts.find(ref.key)
    assert made is not None
    return connection.client().get_run(made.run_id)


def model_of(ref: Ref) -> LoggedModel:
    """The logged model that a run has made."""
    outputs = run_of(ref).outputs
    assert outputs is not None
    (output,) = outputs.model_outputs
    return connection.client().get_logged_model(output.model_id)


def datasets(ref: Ref) -> dict[str, dict[str, Any]]:
    """What a run has read, by name."""
    inputs = run_of(ref).inputs
    assert inputs is not None
    return {item.dataset.name: item.to_dictionary() for item in inputs.dataset_inputs}


@pytest.fixture
def made(context: RunContext) -> RunContext:
    make(SCORED, context)
    return context


def test_runs_name_the_data_they_read(made: RunContext) -> None:
    rows = artifacts.files(ROWS)
    for ref, parts in ((MADE, {"train", "validation"}), (PREDICTED, {"test"}), (SCORED, {"test"})):
        found = {name.split("/")[-1]: item for name, item in datasets(ref).items()}
        assert set(found) == parts
        for part, item in found.items():
            frame = pl.read_parquet(rows / f"{part}.parquet")
            assert json.loads(item["dataset"]["profile"])["num_rows"] == frame.height
            columns = json.loads(item["dataset"]["schema"])["mlflow_colspec"]
            assert [column["name"] for column in columns] == frame.columns
            assert item["tags"] == {"mlflow.data.context": part}
    assert datasets(PREDICTED) == datasets(SCORED)


def test_runs_that_name_the_same_new_files_at_once_all_have_them(made: RunContext) -> None:
    runs = [connection.client().create_run(made.experiment_id).info.run_id for _ in range(6)]
    files, out = [{"file": "new.csv", "sha256": "0"}], artifacts.files(LABELLED)
    together = threading.Barrier(len(runs))

    def name(run_id: str) -> None:
        together.wait()
        log_sources(run_id, LABELLED, files, out)

    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(name, runs))
    inputs = [connection.client().get_run(run_id).inputs for run_id in runs]
    assert len({item.dataset.digest for found in inputs if found for item in found.dataset_inputs}) == 1
    assert all(found and len(found.dataset_inputs) == 1 for found in inputs)


def test_data_are_found_by_what_their_run_says_of_them(made: RunContext, tmp_path: Path) -> None:
    (found,) = datasets(SCORED).values()
    uri = json.loads(found["dataset"]["source"])["uri"]
    file = mlflow.artifacts.download_artifacts(
        uri, dst_path=str(tmp_path), tracking_uri=connection.tracking_uri()
    )
    assert pl.read_parquet(file).equals(pl.read_parquet(artifacts.files(ROWS) / "test.parquet"))


def test_the_same_files_have_the_same_digest_wherever_they_lie(context: RunContext, tmp_path: Path) -> None:
    digests = []
    for folder, text in (("one", "a"), ("two", "a"), ("three", "b")):
        path = tmp_path / folder / "rows.csv"
        path.parent.mkdir()
        path.write_text(f"text\n{text} {'x' * 30}\n", encoding="utf-8")
        source = Files(paths=(str(path),))
        ref = ingest(IngestConfig(sources=(source,), columns="all" if folder == "two" else "corpus"))
        make(ref, context)
        (item,) = datasets(ref).values()
        assert str(tmp_path) not in json.dumps(item)
        digests.append(item["dataset"]["digest"])
    assert digests[0] == digests[1] != digests[2]


def test_a_model_is_one_of_mlflows_with_its_scores_and_loads(
    made: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(MADE)
    assert model.source_run_id == run_of(MADE).info.run_id and str(model.status) == "READY"
    asked = run_of(SCORED).inputs
    assert asked is not None and [item.model_id for item in asked.model_inputs] == [model.model_id]
    measured = {point.key: point for point in model.metrics or []}
    for name, ref, part in (("validation/accuracy", MADE, "validation"), ("test/accuracy", SCORED, "test")):
        assert measured[name].value == run_of(ref).data.metrics[name]
        assert str(measured[name].dataset_name).endswith(f"/{part}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", connection.tracking_uri())  # MLflow sets it, and leaves it so
    mlflow.set_tracking_uri(connection.tracking_uri())
    loaded = mlflow.pyfunc.load_model(f"models:/{model.model_id}")
    assert loaded.metadata.signature is not None
    assert len(loaded.predict(pd.DataFrame({"text": ["좋다", "나쁘다"]}))) == 2


def test_a_registered_version_is_named_by_its_model_and_nothing_lies_on_the_disk_twice(
    made: RunContext,
) -> None:
    model = registry.RegisteredModel("decorated", "classification")
    model.claim()
    version = model.register(MADE)
    logged = model_of(MADE)
    assert {"name": model.name, "version": version} in json.loads(logged.tags["mlflow.modelVersions"])
    folder = Path(logged.artifact_location.removeprefix("file://"))
    assert folder.resolve() == artifacts.files(MADE).resolve()
    assert not Path(folder.readlink()).is_absolute()


def test_a_hit_logs_nothing_again(made: RunContext) -> None:
    def models() -> int:
        found = connection.client().search_logged_models([run_of(MADE).info.experiment_id])
        return len(found)

    before = models()
    assert produce(MADE, made).status == "hit"
    assert models() == before


def test_curves_have_their_training_steps_and_no_point_twice(made: RunContext) -> None:
    run = run_of(MADE)
    history = connection.client().get_metric_history(run.info.run_id, "train/loss")
    steps = [point.step for point in history]
    assert steps == sorted(set(steps)) and len(steps) > 2
    for name in ("validation/accuracy", "train/learning_rate", "train/tokens"):
        points = connection.client().get_metric_history(run.info.run_id, name)
        assert len({point.step for point in points}) == len(points)


def test_predictions_are_a_table_and_scores_a_figure(made: RunContext, tmp_path: Path) -> None:
    run = run_of(PREDICTED)
    table = connection.client().load_table(run.info.experiment_id, "predictions.json", [run.info.run_id])
    test = pl.read_parquet(artifacts.files(ROWS) / "test.parquet")
    assert table["id"].tolist() == test["id"].to_list()
    assert table["gold label"].tolist() == test["label"].to_list()
    right = (table["gold label"] == table["predicted prediction"]).astype(float)
    assert table["accuracy"].tolist() == right.tolist()
    figure = connection.client().download_artifacts(run_of(SCORED).info.run_id, "scores.png", str(tmp_path))
    assert Path(figure).read_bytes().startswith(b"\x89PNG")
    listed = json.loads((artifacts.files(SCORED) / "manifest.json").read_text())["files"]
    assert "scores.png" not in [item["path"] for item in listed]


def test_what_cannot_be_shown_is_told_once_and_fails_no_step(
    made: RunContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    decoration._told.clear()
    run_id = connection.client().create_run(made.experiment_id).info.run_id
    with caplog.at_level(logging.WARNING, "headwater"):
        for _ in range(2):
            decoration.finished(run_id, PREDICTED, tmp_path / "nothing")
    (record,) = caplog.records
    assert "tables and figures" in record.getMessage()


def test_the_machines_load_is_on_the_runs_page(context: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    found: dict[str, float] = {}
    with system_metrics.watched(context.parent_id):
        for _ in range(1000):
            found = connection.client().get_run(context.parent_id).data.metrics
            if found:
                break
    assert "system/cpu_utilization_percentage" in found
