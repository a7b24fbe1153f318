"""A whole run on real components: what it makes, what it finds, what a failure holds up."""

import csv
import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

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


def test_the_report_shows_what_each_part_took_beside_what_was_estimated(first) -> None:
    report = json.loads(Path(first.document["report"]).with_name("report.json").read_text(encoding="utf-8"))
    costs = {item["name"]: item for item in report["costs"]}
    assert set(costs) == {"mlm", "classification"}
    for item in costs.values():
        assert item["seconds"] > 0 and item["memory"] > 1e8
        assert item["expected_seconds"]["low"] < item["expected_seconds"]["high"]
        assert item["expected_memory"]["low"] < item["expected_memory"]["high"]
    assert "Time and memory" in Path(first.document["report"]).read_text(encoding="utf-8")


def test_json_has_a_result_for_each_entry_mode_and_number_of_labels(first) -> None:
    pretrained, *scored = first.document["results"]
    assert (pretrained["entry"], pretrained["metric"], pretrained["status"]) == ("mlm", "eval/loss", "run")
    assert [(item["entry"], item["mode"], item["labels"]) for item in scored] == [
        ("classification", mode, 100) for mode in ("finetune", "scratch", "baseline")
    ]
    metrics = first.step("score/classification/finetune")["metrics"]
    assert (
        scored[0].items() >= {"metric": "accuracy", "value": metrics["test/accuracy"], "seeds": [1]}.items()
    )
    assert scored[0]["low"] <= scored[0]["value"] <= scored[0]["high"]
    took = [
        first.step(f"{step}/classification/finetune")["seconds"] for step in ("adapt", "predict", "score")
    ]
    assert scored[0]["seconds"] == pytest.approx(sum(took), abs=0.01)


def test_a_run_ends_with_a_table_of_results_and_with_one_of_steps_where_asked(
    first, headwater: Callable, recipe: Path
) -> None:
    table = headwater("run", recipe).out
    assert max(map(len, table.split("\n\n")[0].splitlines())) <= 80
    lines = [line.split() for line in table.splitlines()]
    assert [line[:3] for line in lines[1:5]] == [
        ["mlm", "pretraining", "eval/loss"],
        ["classification", "100", "finetune"],
        ["100", "scratch", "accuracy"],
        ["100", "baseline", "accuracy"],
    ]
    assert all(line[-1] == "hit" for line in lines[1:5]) and "validate" not in table
    assert ["Models:", "small-mlm@champion,", "small-classification@champion"] in lines
    assert "validate" in headwater("run", recipe, "--steps").out


def test_json_of_a_wrong_recipe_says_what_is_wrong(recipe: Path, headwater_here: Callable) -> None:
    wrong = ("--set", "seed=one", "--set", "jobs=0")
    ended = headwater_here("run", recipe, *wrong, "--json")
    assert ended.code == 2 and ended.err.count("\n") == 2
    assert ended.document["status"] == "wrong"
    assert ended.document["errors"] == [
        "--set seed: needs a whole number, not 'one'",
        "--set jobs: must be at least 1, not 0",
    ]
    assert ended.document["reason"] == "; ".join(ended.document["errors"])


def test_in_mlflow_steps_hang_below_their_entry_and_entries_below_the_flow_run(
    first, mlflow: MlflowClient
) -> None:
    document = first.document
    runs = {run.info.run_id: run for run in mlflow.search_runs([document["experiment_id"]])}
    steps = [run for run in runs.values() if "headwater.step" in run.data.tags]
    assert {run.info.run_name for run in steps} == set(first.status)
    entries = {run.info.run_name: runs[run.data.tags["mlflow.parentRunId"]] for run in steps}
    assert {step: entry.info.run_name for step, entry in entries.items()} == {
        step["name"]: step["entry"] or "corpus" for step in document["steps"]
    }
    assert {entry.data.tags["mlflow.parentRunId"] for entry in entries.values()} == {document["run_id"]}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    (scored,) = (run for run in steps if run.info.run_name == "score/classification/finetune")
    tags = {name.removeprefix("headwater."): value for name, value in scored.data.tags.items()}
    assert (
        tags.items()
        >= {
            "step": "score",
            "upstream": "mlm",
            "downstream": "classification",
            "mode": "finetune",
            "labels": "100",
            "seed": "1",
            "name": "classification",
            "flow_run_id": document["flow_run_id"],
        }.items()
    )


def test_the_flow_run_is_the_front_page(first, mlflow: MlflowClient, tmp_path: Path) -> None:
    page = mlflow.get_run(first.document["run_id"])
    values = page.data.metrics
    finetuned = first.step("score/classification/finetune")["metrics"]["test/accuracy"]
    scratch = first.step("score/classification/scratch")["metrics"]["test/accuracy"]
    assert values["score/classification/finetune/100/accuracy"] == finetuned
    low, value, high = (values[f"gain/classification/accuracy{end}"] for end in ("_low", "", "_high"))
    assert low <= value <= high and value == pytest.approx(finetuned - scratch)
    assert page.data.params["upstreams.mlm.model.hidden_size"] == "32"
    assert page.data.params["downstreams.classification.labels"] == "[100]"
    assert page.data.tags["mlflow.note.content"].startswith(
        "**classification**: With 100 labels, transfer reaches"
    )
    kept = Path(mlflow.download_artifacts(page.info.run_id, "", str(tmp_path)))
    assert (kept / "report" / "index.html").read_bytes() == Path(first.document["report"]).read_bytes()
    assert "name: small" in (kept / "recipe.yaml").read_text(encoding="utf-8")
    assert json.loads((kept / "steps.json").read_text(encoding="utf-8")) == first.document["steps"]
    table = json.loads((kept / "scores.json").read_text(encoding="utf-8"))
    assert [row[table["columns"].index("mode")] for row in table["data"]] == [
        "finetune",
        "scratch",
        "baseline",
    ]
    assert json.loads(page.data.tags["mlflow.loggedArtifacts"]) == [{"path": "scores.json", "type": "table"}]


def test_prefect_has_a_task_run_for_what_ran_and_the_logs_of_both(first, home: Path) -> None:
    with sqlite3.connect(home / "prefect" / "prefect.db") as database:
        flow = UUID(first.document["flow_run_id"])
        ran = database.execute(
            "select name, state_name from task_run where flow_run_id in (?, ?)", [flow.hex, str(flow)]
        )
        assert dict(ran.fetchall()) == {
            step["title"].replace("/", " · "): "Completed" for step in first.document["steps"]
        }
        logs = database.execute(
            "select message, level, task_run_id is not null from log where flow_run_id in (?, ?)",
            [flow.hex, str(flow)],
        ).fetchall()
    assert ("validate: 2 rows in quarantine: 1 not JSON, 1 text: missing", logging.WARNING, 1) in logs
    assert any(text.startswith("encode (mlm): ") and of_task for text, _, of_task in logs)
    assert any("are there already" in text and not of_task for text, _, of_task in logs)


def test_the_pretraining_curve_is_in_mlflow(first, mlflow: MlflowClient) -> None:
    run_id = first.step("pretrain")["run_id"]
    points = mlflow.get_metric_history(run_id, "train/loss")
    assert points[-1].value < points[0].value
    assert mlflow.get_run(run_id).data.metrics.keys() >= {"eval/loss", "train/tokens_per_second"}


def test_the_same_again_is_all_hits_and_links_to_the_runs_that_made_them(
    first, headwater: Callable, recipe: Path, mlflow: MlflowClient, home: Path
) -> None:
    second = headwater("run", recipe, "--json")
    assert second.code == 0
    assert set(second.status.values()) == {"hit"}
    assert second.step("pretrain")["run_id"] == first.step("pretrain")["run_id"]
    page = mlflow.get_run(second.document["run_id"]).data
    assert first.step("pretrain")["run_id"] in page.tags["mlflow.note.content"]
    assert page.metrics == mlflow.get_run(first.document["run_id"]).data.metrics
    with sqlite3.connect(home / "prefect" / "prefect.db") as database:
        flow = UUID(second.document["flow_run_id"])
        of_flow = "where flow_run_id in (?, ?)", [flow.hex, str(flow)]
        assert database.execute(f"select count(*) from task_run {of_flow[0]}", of_flow[1]).fetchall() == [
            (0,)
        ]
        ((table,),) = database.execute(
            f"select data from artifact {of_flow[0]} and type = 'table'", of_flow[1]
        ).fetchall()
    assert all(first.step(name)["run_id"] in table for name in first.status)


def test_plan_knows_what_a_change_makes_anew(first, headwater_here: Callable, recipe: Path) -> None:
    planned = headwater_here("plan", recipe, "--no-probe", *CHANGE, "--json")
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
    planned = headwater_here("plan", recipe, "--no-probe", "--set", "corpus.holdout=0.02", "--json")
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
    planned = headwater_here("plan", recipe, "--no-probe", "--json")
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


def test_over_seeds_scores_are_means_with_one_champion_of_all(
    first, headwater: Callable, recipe: Path, mlflow: MlflowClient
) -> None:
    several = ("downstreams.0.seeds=[1,2]", "downstreams.0.modes=[finetune,scratch,zero_shot]")
    ended = headwater("run", recipe, "--json", *(word for item in several for word in ("--set", item)))
    assert ended.code == 0, ended.err
    scored = {step["title"]: step for step in ended.document["steps"] if step["step"] == "score"}
    assert list(scored) == [
        "score/classification/zero_shot (0 labels, seed 1)",
        "score/classification/finetune (100 labels, seed 1)",
        "score/classification/finetune (100 labels, seed 2)",
        "score/classification/scratch (100 labels, seed 1)",
        "score/classification/scratch (100 labels, seed 2)",
    ]
    finetuned = [step for step in scored.values() if step["mode"] == "finetune"]
    (found,) = (item for item in ended.document["results"] if item["mode"] == "finetune")
    each = [step["metrics"]["test/accuracy"] for step in finetuned]
    assert found["seeds"] == [1, 2] and found["value"] == pytest.approx(sum(each) / 2)
    assert found["low"] < found["value"] < found["high"]
    assert finetuned[0]["run_id"] == first.step("score/classification/finetune")["run_id"]
    assert mlflow.get_run(finetuned[1]["run_id"]).data.tags["headwater.seed"] == "2"

    values = mlflow.get_run(ended.document["run_id"]).data.metrics
    mean = {
        mode: [step["metrics"]["test/accuracy"] for step in scored.values() if step["mode"] == mode]
        for mode in ("finetune", "scratch")
    }
    name = "score/classification/finetune/100/accuracy"
    assert values[name] == pytest.approx(found["value"])
    assert values[f"{name}_low"] < values[name] < values[f"{name}_high"]
    gain = (sum(mean["finetune"]) - sum(mean["scratch"])) / 2
    assert values["gain/classification/accuracy"] == pytest.approx(gain)
    report = Path(ended.document["report"])
    assert "means over the seeds 1, 2" in report.read_text(encoding="utf-8")
    rows = list(csv.DictReader((report.parent / "scores.csv").open(encoding="utf-8")))
    assert {(row["mode"], row["seeds"]) for row in rows} == {
        ("zero_shot", "1"),
        ("finetune", "2"),
        ("scratch", "2"),
    }

    promoted = next(step for step in ended.document["steps"] if step["step"] == "promote")
    page = json.loads(
        Path(mlflow.download_artifacts(promoted["run_id"], "promotion.json")).read_text(encoding="utf-8")
    )
    assert len(page["validation"]) == 3
    champion = mlflow.get_model_version_by_alias("small-classification", "champion")
    assert str(champion.version) in page["validation"]
    adapted = next(
        step for step in ended.document["steps"] if step["name"] == "adapt/classification/finetune"
    )
    card = Path(mlflow.download_artifacts(adapted["run_id"], "README.md"))
    assert "mean of 2 seeds" in card.read_text(encoding="utf-8")
