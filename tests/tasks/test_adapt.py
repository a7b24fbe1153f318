"""Adapt, predict and score on a real store, from the demo's rows to scores."""

import json
from pathlib import Path

import polars as pl
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.adapted.serving import Served
from models.config import Config
from models.downstream.classification import Classification
from models.downstream.qa import QuestionAnswering
from models.errors import DataError
from models.transfer.finetune import Finetune
from models.transfer.in_context import InContext
from tasks.adapt import AdaptConfig, adapt
from tasks.graph import refs
from tasks.graph.step import step
from tasks.ingest import IngestConfig, ingest
from tasks.predict import PredictConfig, predict
from tasks.running.execution import RunContext
from tasks.running.job import Job
from tasks.score import ScoreConfig, score
from tasks.sources.files import Files
from tasks.split import SplitConfig, split
from tasks.storage import artifacts, connection
from tasks.validate import ValidateConfig, validate
from tests.support.demo_chain import DEMO, LEAKS, QUICK, ROWS, SMALL, WORDS, adapted, scored
from tests.support.making import copy_artifact, make


@pytest.mark.parametrize("mode", ["finetune", "scratch", "baseline"])
def test_every_mode_ends_in_scores_of_all_test_rows(context: RunContext, mode: str) -> None:
    made = adapted(mode)
    predictions, scores = scored(made)
    folder = make(scores, context)
    test = pl.read_parquet(artifacts.files(ROWS) / "test.parquet")
    found = pl.read_parquet(artifacts.files(predictions) / "predictions.parquet")
    assert found["id"].to_list() == test["id"].to_list()
    assert set(found["prediction"]) <= {"긍정", "부정"}

    metrics = json.loads((folder / "metrics.json").read_text())
    right = (found["prediction"] == test["label"]).mean()
    assert metrics["accuracy"]["value"] == pytest.approx(right)
    assert metrics["accuracy"]["low"] < right < metrics["accuracy"]["high"]
    logged = artifacts.find(scores.key).metrics
    assert logged["test/accuracy"] == pytest.approx(right)
    assert logged["test/macro_f1_low"] == pytest.approx(metrics["macro_f1"]["low"])

    details = json.loads((folder / "details.json").read_text())
    for item in details["by_label"]:
        chosen = found["prediction"] == item["label"], test["label"] == item["label"]
        assert (
            item["rows"] == chosen[1].sum() and item["f1"]["low"] <= item["f1"]["value"] <= item["f1"]["high"]
        )
        assert item["precision"]["value"] == pytest.approx((chosen[0] & chosen[1]).sum() / chosen[0].sum())
        assert logged[f"test/f1/{item['label']}"] == pytest.approx(item["f1"]["value"])
    assert {item["label"] for item in details["by_label"]} == {"긍정", "부정"}
    assert logged["test/ece"] == details["calibration"]["after"]["value"]

    summary = json.loads((artifacts.files(made) / "summary.json").read_text())
    assert (summary["mode"], summary["labels"]) == (mode, 100)
    settled = json.loads((artifacts.files(made) / "downstream.json").read_text())
    assert settled["temperature"] == summary["setting"]["temperature"] != 1
    assert summary["rows"] == {"train": 100, "validation": 60}
    validation = artifacts.find(made.key).metrics["validation/accuracy"]
    assert validation == pytest.approx(summary["validation"]["accuracy"])


def test_leaked_test_rows_are_left_out_of_a_second_score(context: RunContext) -> None:
    _, scores = scored(adapted("baseline"))
    details = json.loads((make(scores, context) / "details.json").read_text())
    leaks = pl.read_parquet(artifacts.files(LEAKS) / "leaks.parquet")
    without = details["without_leaks"]
    assert without["ids"] and set(without["ids"]) == set(leaks["row_id"])
    assert without["rows"] == DEMO["test"] - len(without["ids"])
    assert 0 <= without["metrics"]["accuracy"]["value"] <= 1


def test_the_worst_errors_lead_back_to_file_and_line(context: RunContext) -> None:
    _, scores = scored(adapted("baseline"))
    details = json.loads((make(scores, context) / "details.json").read_text())
    test = pl.read_parquet(artifacts.files(ROWS) / "test.parquet")
    confidences = [item["confidence"] for item in details["worst"]]
    assert confidences == sorted(confidences, reverse=True)
    for item in details["worst"]:
        row = test.row(by_predicate=pl.col("id") == item["id"], named=True)
        assert (item["file"], item["line"], item["text"]) == (row["file"], row["line"], row["text"])
        assert item["gold"] == row["label"] != item["prediction"]
    assert sum(map(sum, details["confusion"]["counts"])) == DEMO["test"]


def test_the_adapted_model_predicts_the_same_in_plain_transformers(context: RunContext) -> None:
    made = adapted("finetune")
    predictions, _ = scored(made)
    found = pl.read_parquet(make(predictions, context) / "predictions.parquet")
    folder = artifacts.files(made) / "model"
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    words = AutoTokenizer.from_pretrained(folder)
    rows = pl.read_parquet(artifacts.files(ROWS) / "test.parquet").head(10)
    temperature = json.loads((folder.parent / "downstream.json").read_text())["temperature"]
    assert temperature != 1
    with torch.inference_mode():
        for text, kept in zip(rows["text"], found.head(10).to_dicts(), strict=True):
            logits = model(**words(text, return_tensors="pt", return_token_type_ids=False)).logits[0]
            chances = (logits / temperature).softmax(-1)
            assert chances.tolist() == pytest.approx(kept["probabilities"], abs=1e-5)
            assert model.config.id2label[int(chances.argmax())] == kept["prediction"]


def test_the_same_work_gives_the_same_bytes(context: RunContext) -> None:
    made = adapted("scratch", labels=60)
    folder = make(made, context)
    first = {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    connection.client().delete_run(artifacts.find(made.key).run_id)
    folder = make(made, context)
    assert {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()} == first


def test_curves_have_one_point_a_step(context: RunContext) -> None:
    made = adapted("finetune")
    make(made, context)
    points = connection.client().get_metric_history(artifacts.find(made.key).run_id, "train/loss")
    steps = [point.step for point in points]
    assert steps == sorted(set(steps)) and steps[-1] == QUICK.steps(100)
    history = pl.read_parquet(artifacts.files(made) / "history.parquet")
    assert history.drop_nulls("loss")["step"].to_list() == steps
    rates = connection.client().get_metric_history(artifacts.find(made.key).run_id, "train/learning_rate")
    assert rates[-1].value < 0.2 * max(point.value for point in rates)


@step(refs.Split)
def blinded(job: Job, config: Config, rows: refs.Split) -> None:
    """The same rows, of which nobody can read the test part."""
    copy_artifact(job.files(rows), job.out)
    (job.out / "test.parquet").write_bytes(b"nobody reads this")


@pytest.mark.parametrize("mode", ["finetune", "baseline"])
def test_test_rows_have_no_part_in_learning(context: RunContext, mode: str) -> None:
    seeing = adapted(mode)
    blind = adapt(
        seeing.config,
        rows=blinded(Config(), rows=ROWS),
        tokenizer=seeing.inputs["tokenizer"],
        model=seeing.inputs["model"],
    )
    first, second = (
        {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (make(seeing, context), make(blind, context))
    )
    for files in (first, second):
        for name in ("manifest.json", "identity.json"):  # these name the inputs
            files.pop(name)
        files.pop("registered_model_meta", None)  # MLflow's, where another test has registered the model
    assert first == second


@pytest.mark.parametrize("labels", [None, 100, 10_000])
def test_mlflow_says_how_many_labelled_rows_were_used(context: RunContext, labels: int | None) -> None:
    made = adapted("baseline", labels=labels)
    predictions, scores = scored(made)
    make(scores, context)
    used = min(labels or 10_000, pl.read_parquet(artifacts.files(ROWS) / "train.parquet").height)
    for ref in (made, predictions, scores):
        run = connection.client().get_run(artifacts.find(ref.key).run_id)
        assert run.data.tags["headwater.labels"] == str(used)


def test_rows_of_one_class_are_refused_in_one_line(context: RunContext, tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text(
        "text\tlabel\n" + "".join(f"좋은 글 {number}\t1\n" for number in range(40)), encoding="utf-8"
    )
    downstream = {"kind": "classification", "classes": ["0", "1"]}
    read = ingest(IngestConfig(sources=(Files(paths=(str(path),)),), columns="all"))
    rows = split(SplitConfig(), rows=validate(ValidateConfig(rows=downstream), rows=read))
    config = AdaptConfig(downstream=downstream, mode="baseline")
    with pytest.raises(DataError, match="all 34 training rows have label '1'"):
        make(adapt(config, rows=rows, tokenizer=None, model=None), context)


def test_keys_follow_what_a_mode_uses() -> None:
    other = QUICK.model_copy(update={"epochs": 9.0})
    larger = SMALL.model_copy(update={"layers": 2})
    assert adapted("baseline").key == adapted("baseline", model=larger).key
    assert (
        adapted("finetune").key == adapted("finetune", model=larger).key != adapted("finetune", way=other).key
    )
    assert adapted("scratch").key != adapted("scratch", model=larger).key
    assert len({adapted(mode).key for mode in ("finetune", "scratch", "baseline")}) == 3


def test_classes_left_open_are_those_of_the_training_rows(context: RunContext) -> None:
    made = adapted("baseline", downstream=Classification())
    settled = Classification.model_validate_json((make(made, context) / "downstream.json").read_text())
    assert settled.classes == ("긍정", "부정")


def test_a_label_that_only_validation_and_test_rows_have_is_an_error_not_an_end(
    context: RunContext, tmp_path: Path
) -> None:
    for part, names in {"train": "01", "validation": "012", "test": "012"}.items():
        lines = [f"{part} 글 {number}\t{names[number % len(names)]}" for number in range(30)]
        (tmp_path / f"{part}.tsv").write_text("\n".join(["text\tlabel", *lines]), encoding="utf-8")
    source = Files(parts={part: (str(tmp_path / f"{part}.tsv"),) for part in ("train", "validation", "test")})
    read = ingest(IngestConfig(sources=(source,), columns="all"))
    downstream = {"kind": "classification"}
    rows = split(SplitConfig(), rows=validate(ValidateConfig(rows=downstream), rows=read))
    config = AdaptConfig(downstream=downstream, mode="scratch", way=QUICK, model=SMALL)
    made = adapt(config, rows=rows, tokenizer=WORDS, model=None)
    predictions = predict(PredictConfig(downstream=downstream, way=QUICK), rows=rows, adapted=made)
    scores = score(ScoreConfig(downstream=downstream), rows=rows, predictions=predictions, leaks=None)
    metrics = json.loads((make(scores, context) / "metrics.json").read_text())
    assert metrics["accuracy"]["value"] <= 2 / 3


@pytest.mark.parametrize("mode", ["scratch", "baseline"])
def test_validation_rows_whose_labels_no_training_row_has_are_refused_in_one_line(
    context: RunContext, tmp_path: Path, mode: str
) -> None:
    for part, names in {"train": "01", "validation": "23", "test": "01"}.items():
        lines = [f"{part} 글 {number}\t{names[number % 2]}" for number in range(20)]
        (tmp_path / f"{part}.tsv").write_text("\n".join(["text\tlabel", *lines]), encoding="utf-8")
    source = Files(parts={part: (str(tmp_path / f"{part}.tsv"),) for part in ("train", "validation", "test")})
    read = ingest(IngestConfig(sources=(source,), columns="all"))
    downstream = {"kind": "classification"}
    rows = split(SplitConfig(), rows=validate(ValidateConfig(rows=downstream), rows=read))
    way = None if mode == "baseline" else QUICK
    config = AdaptConfig(downstream=downstream, mode=mode, way=way, labels=10, model=SMALL)
    words = WORDS if mode == "scratch" else None
    with pytest.raises(
        DataError, match=r"none of the 10 validation rows .* '[23]' \(\d\), '[23]' \(\d\), .*raise"
    ):
        make(adapt(config, rows=rows, tokenizer=words, model=None), context)


def test_a_model_that_is_asked_is_scored_over_its_draws_and_answers(context: RunContext) -> None:
    made = adapted("few_shot", way=InContext(draws=2), labels=8)
    predictions, scores = scored(made)
    metrics = json.loads((make(scores, context) / "metrics.json").read_text())
    found = pl.read_parquet(make(predictions, context) / "predictions.parquet")
    (first, second) = found.partition_by("draw", include_key=False)
    assert first["id"].equals(second["id"]) and not first["probabilities"].equals(second["probabilities"])
    low, value, high = (metrics["accuracy"][name] for name in ("low", "value", "high"))
    assert low <= value <= high
    (answer,) = Served(make(made, context)).predict([{"text": "음악이 훌륭했다"}])
    assert set(answer["probabilities"]) == {"긍정", "부정"}


@pytest.mark.parametrize("mode", ["scratch", "baseline"])
@pytest.mark.parametrize("target", ["labels", "score"])
def test_rows_of_a_csv_with_several_labels_or_a_score_go_the_whole_way(
    context: RunContext, tmp_path: Path, target: str, mode: str
) -> None:
    gold = {"labels": ["긍정;부정", "", "긍정", "부정;"], "score": ["1", "2.5", "4", "없음"]}[target]
    for part in ("train", "validation", "test"):
        lines = [f"{part} 글 {number} {'가나다라'[number % 4]},{gold[number % 4]}" for number in range(40)]
        (tmp_path / f"{part}.csv").write_text("\n".join([f"text,{target}", *lines]), encoding="utf-8")
    source = Files(parts={part: (str(tmp_path / f"{part}.csv"),) for part in ("train", "validation", "test")})
    downstream = {"kind": "classification", "target": target, "max_length": 32}
    read = ingest(IngestConfig(sources=(source,), columns="all"))
    checked = validate(ValidateConfig(rows=downstream, quarantine=0.3), rows=read)
    rows = split(SplitConfig(labels="labels" if target == "labels" else None), rows=checked)
    way = None if mode == "baseline" else QUICK
    config = AdaptConfig(downstream=downstream, mode=mode, way=way, model=SMALL)
    made = adapt(config, rows=rows, tokenizer=WORDS if mode == "scratch" else None, model=None)
    predictions = predict(PredictConfig(downstream=downstream, way=way), rows=rows, adapted=made)
    scores = score(ScoreConfig(downstream=downstream), rows=rows, predictions=predictions, leaks=None)
    metrics = json.loads((make(scores, context) / "metrics.json").read_text())
    assert (
        set(metrics)
        == {
            "labels": {"micro_f1", "macro_f1", "subset_accuracy"},
            "score": {"spearman", "pearson", "mae", "rmse"},
        }[target]
    )
    test = pl.read_parquet(artifacts.files(rows) / "test.parquet")
    assert test.height == (40 if target == "labels" else 30)  # what is no number is set aside
    settled = json.loads((artifacts.files(made) / "downstream.json").read_text())
    if target == "labels":
        assert test["labels"][1].to_list() == [] and 0 < settled["threshold"] < 1
    if mode == "baseline":
        assert metrics[{"labels": "micro_f1", "score": "spearman"}[target]]["value"] > 0.9
        return
    (answer,) = Served(artifacts.files(made)).predict([{"text": "글 가"}])
    assert set(answer) == ({"labels", "probabilities"} if target == "labels" else {"score"})


@pytest.mark.parametrize("mode", ["scratch", "baseline"])
def test_what_validation_rows_choose_of_answers_is_kept_with_the_model(
    context: RunContext, tmp_path: Path, mode: str
) -> None:
    downstream = QuestionAnswering(unanswerable=True, max_length=80)
    for part in ("train", "validation", "test"):
        rows = downstream.examples().with_columns(id=pl.concat_str("id", pl.lit(part)))
        rows.write_ndjson(tmp_path / f"{part}.jsonl")
    source = Files(
        parts={part: (str(tmp_path / f"{part}.jsonl"),) for part in ("train", "validation", "test")}
    )
    read = ingest(IngestConfig(sources=(source,), columns="all"))
    split_rows = split(SplitConfig(), rows=validate(ValidateConfig(rows=downstream), rows=read))
    way = None if mode == "baseline" else QUICK
    config = AdaptConfig(downstream=downstream, mode=mode, way=way, model=SMALL)
    made = adapt(config, rows=split_rows, tokenizer=WORDS if way else None, model=None)
    predictions = predict(PredictConfig(downstream=downstream, way=way), rows=split_rows, adapted=made)
    scores = score(ScoreConfig(downstream=downstream), rows=split_rows, predictions=predictions, leaks=None)
    metrics = json.loads((make(scores, context) / "metrics.json").read_text())
    assert set(metrics) == {
        f"{name}{kind}" for name in ("exact_match", "char_f1") for kind in ("", "/has_answer", "/no_answer")
    }
    kept = json.loads((make(made, context) / "downstream.json").read_text())["no_answer_threshold"]
    assert (kept is None) == (mode == "baseline")
    found = pl.read_parquet(make(predictions, context) / "predictions.parquet")
    summary = json.loads((make(made, context) / "summary.json").read_text())
    # The same rows as in validation, so that the threshold is the one that was chosen there.
    assert metrics["char_f1"]["value"] == pytest.approx(summary["validation"]["char_f1"])
    if way:
        assert ((found["answer"] == "") == (found["no_answer_probability"] > 0.5)).all()
        (answer,) = Served(make(made, context)).predict([{"question": "누구?", "context": "비가 온다."}])
        assert answer["no_answer"] == (answer["answer"] == "") == (answer["no_answer_probability"] > 0.5)
    logged = artifacts.find(scores.key).metrics
    assert logged["test/exact_match/no_answer"] == metrics["exact_match/no_answer"]["value"]


def test_trials_of_a_search_are_runs_below_the_steps_own(context: RunContext) -> None:
    search = {"trials": 3, "space": {"batch_size": [8, 16]}}
    way = Finetune.model_validate({**QUICK.model_dump(), "learning_rates": [1e-3, 1e-2], "search": search})
    made = adapted("finetune", way=way)
    folder = make(made, context)
    trials = json.loads((folder / "trials.json").read_text())
    run_id = artifacts.find(made.key).run_id
    below = connection.search(context.experiment_id, f"tags.`mlflow.parentRunId` = '{run_id}'")
    found = sorted(below, key=lambda run: int(run.data.tags["headwater.trial"]))
    assert [run.info.run_name for run in found] == [f"adapt/trial-{number}" for number in (1, 2, 3)]
    for run, trial in zip(found, trials, strict=True):
        assert run.info.status == "FINISHED" and "headwater.step" not in run.data.tags
        assert run.data.params["learning_rate"] == str(trial["learning_rate"])
        assert run.data.params["batch_size"] == str(trial["others"]["batch_size"])
        assert run.data.metrics["validation/accuracy"] == pytest.approx(trial["metrics"]["accuracy"])
    chosen = json.loads((folder / "summary.json").read_text())["setting"]
    assert any(
        (trial["learning_rate"], trial["others"]["batch_size"])
        == (chosen["learning_rate"], chosen["batch_size"])
        for trial in trials
    )
    grid = adapted("finetune")
    make(grid, context)  # its trials are no runs: there are many such models, each of few settings
    assert not connection.search_all(f"tags.`mlflow.parentRunId` = '{artifacts.find(grid.key).run_id}'")
