"""A whole run on real components: what it makes, what it finds, what a failure holds up."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.support.recipes import SMALL, write

CHANGE = ("--set", "downstreams.0.finetune.epochs=2")
"""A setting that only `adapt` of fine-tuned models and what follows depends on."""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("recipe"), SMALL)


@pytest.fixture(scope="module")
def first(headwater: Callable, recipe: Path):
    return headwater("run", recipe, "--json")


@pytest.fixture(scope="module")
def mlflow(home: Path, first) -> MlflowClient:
    return MlflowClient(f"sqlite:///{home / 'mlflow.db'}")


def test_the_whole_chain_ends_in_scores_with_intervals_and_a_report(first) -> None:
    assert first.code == 0, first.err
    assert set(first.status.values()) == {"run"}
    for mode in ("finetune", "scratch", "baseline"):
        metrics = first.step(f"score/classification/{mode}")["metrics"]
        assert metrics["test/accuracy_low"] <= metrics["test/accuracy"] <= metrics["test/accuracy_high"]
    page = Path(first.document["report"]).read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "긍정" in page


def test_mlflow_holds_one_parent_and_one_child_for_each_step(first, mlflow: MlflowClient) -> None:
    document = first.document
    runs = mlflow.search_runs([document["experiment_id"]])
    parent = next(run for run in runs if run.info.run_id == document["run_id"])
    children = {
        run.info.run_name: run
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    }
    assert parent.info.status == "FINISHED"
    assert set(children) == set(first.status)
    tags = children["score/classification/finetune"].data.tags
    assert {name.removeprefix("headwater."): value for name, value in tags.items()}.items() >= {
        "step": "score",
        "upstream": "mlm",
        "downstream": "classification",
        "mode": "finetune",
        "labels": "100",
        "seed": "1",
        "name": "classification",
        "flow_run_id": document["flow_run_id"],
    }.items()
    gain = parent.data.metrics
    low, value, high = (gain[f"gain/classification/accuracy{end}"] for end in ("_low", "", "_high"))
    assert low <= value <= high
    scores = {mode: children[f"score/classification/{mode}"].data.metrics for mode in ("finetune", "scratch")}
    assert value == pytest.approx(scores["finetune"]["test/accuracy"] - scores["scratch"]["test/accuracy"])


def test_the_pretraining_curve_is_in_mlflow(first, mlflow: MlflowClient) -> None:
    run_id = first.step("pretrain")["run_id"]
    points = mlflow.get_metric_history(run_id, "train/loss")
    assert points[-1].value < points[0].value
    assert mlflow.get_run(run_id).data.metrics.keys() >= {"eval/loss", "train/tokens_per_second"}


def test_the_same_again_is_all_hits_and_links_to_the_runs_that_made_them(
    first, headwater: Callable, recipe: Path, mlflow: MlflowClient
) -> None:
    second = headwater("run", recipe, "--json")
    assert second.code == 0
    assert set(second.status.values()) == {"hit"}
    assert second.step("pretrain")["run_id"] == first.step("pretrain")["run_id"]
    note = mlflow.get_run(second.document["run_id"]).data.tags["mlflow.note.content"]
    assert first.step("pretrain")["run_id"] in note


def test_plan_knows_what_a_change_makes_anew(first, headwater_here: Callable, recipe: Path) -> None:
    planned = headwater_here("plan", recipe, *CHANGE, "--json")
    assert planned.code == 0
    assert {row["name"].split(" ")[0] for row in planned.document["steps"] if row["status"] == "run"} == {
        "adapt/classification/finetune",
        "predict/classification/finetune",
        "score/classification/finetune",
        "adapt/classification/scratch",
        "predict/classification/scratch",
        "score/classification/scratch",
        "promote/classification",
        "report",
    }


def test_plan_leaves_labelled_rows_and_baselines_alone_when_the_corpus_changes(
    first, headwater_here: Callable, recipe: Path
) -> None:
    planned = headwater_here("plan", recipe, "--set", "corpus.holdout=0.02", "--json")
    assert planned.code == 0
    hits = {row["name"].split(" ")[0] for row in planned.document["steps"] if row["status"] == "hit"}
    assert hits == {
        "ingest",
        "validate",
        "ingest/classification",
        "validate/classification",
        "split/classification",
        "adapt/classification/baseline",
        "predict/classification/baseline",
    }


def test_plan_knows_that_a_champion_is_gone(
    first, headwater_here: Callable, recipe: Path, mlflow: MlflowClient
) -> None:
    name = "small-classification"
    version = mlflow.get_model_version_by_alias(name, "champion").version
    mlflow.delete_registered_model_alias(name, "champion")
    planned = headwater_here("plan", recipe, "--json")
    mlflow.set_registered_model_alias(name, "champion", version)
    assert {row["step"] for row in planned.document["steps"] if row["status"] == "run"} == {"promote"}


def test_a_failed_step_is_named_the_others_finish_and_only_it_runs_again(
    first, headwater: Callable, recipe: Path, home: Path
) -> None:
    failed = headwater("run", recipe, *CHANGE, "--json", HEADWATER_FAIL="adapt/classification/scratch")
    assert failed.code == 1
    assert "adapt/classification/scratch (100 labels) failed" in failed.document["reason"]
    assert failed.status | {"report": "run"} == dict.fromkeys(failed.status, "hit") | {
        "adapt/classification/finetune": "run",
        "predict/classification/finetune": "run",
        "score/classification/finetune": "run",
        "adapt/classification/scratch": "failed",
        "predict/classification/scratch": "not run",
        "score/classification/scratch": "not run",
        "promote/classification": "run",
        "report": "run",
    }
    with sqlite3.connect(home / "prefect" / "prefect.db") as database:
        state = (
            database.execute(
                "select state_type from flow_run where id = ?",
                [failed.document["flow_run_id"].replace("-", "")],
            ).fetchall()
            or database.execute(
                "select state_type from flow_run where id = ?", [failed.document["flow_run_id"]]
            ).fetchall()
        )
    assert state == [("FAILED",)]

    mended = headwater("run", recipe, *CHANGE, "--json")
    assert mended.code == 0
    assert {name for name, status in mended.status.items() if status == "run"} == {
        "adapt/classification/scratch",
        "predict/classification/scratch",
        "score/classification/scratch",
        "report",
    }
