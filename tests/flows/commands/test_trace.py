"""`headwater trace`, on one real run over files: from a prediction back to the lines it comes from."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from mlflow import MlflowClient

from models.files import digest
from tasks.storage import content, manifest
from tests.support.recipes import SMALL, on_files, write, write_corpus, write_labelled

ROW = "test7"
DOCUMENTS = 400


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The corpus and, by part, labelled rows."""
    folder = tmp_path_factory.mktemp("trace")
    corpus = write_corpus(folder / "corpus.jsonl.gz", DOCUMENTS)
    # Another number of rows than other tests have: nothing is shared with their runs.
    return {"corpus": str(corpus), **write_labelled(folder / "rows", 62)}


@pytest.fixture(scope="module")
def recipe(files: dict[str, str]) -> Path:
    named = on_files(Path(files["corpus"]), {part: path for part, path in files.items() if part != "corpus"})
    entry = named["downstreams"][0] | {
        "modes": ["finetune", "baseline"],
        "finetune": SMALL["downstreams"][0]["finetune"],
    }
    upstream = SMALL["upstreams"][0] | {"tokenizer": {"vocabulary": 150}}  # its few words allow no more
    changed = {"name": "traced", "upstreams": [upstream], "downstreams": [entry]}
    return write(Path(files["corpus"]).parent, named | changed)


@pytest.fixture(scope="module")
def run(headwater: Callable, recipe: Path):
    made = headwater("run", recipe, "--json")
    assert made.code == 0, made.err
    return made


@pytest.fixture
def traced(run, headwater_here: Callable) -> Callable[..., str]:
    """What `headwater trace` prints."""

    def trace(*arguments: str, code: int = 0) -> str:
        ended = headwater_here("trace", *arguments)
        assert ended.code == code
        assert (ended.err if code == 0 else ended.out) == ""
        return ended.out if code == 0 else ended.err

    return trace


def runs_in(value: Any) -> set[str]:
    """Every run id in a document."""
    if isinstance(value, list):
        return set().union(*map(runs_in, value))
    if isinstance(value, dict):
        return set().union(*(({item} if name == "run_id" else runs_in(item)) for name, item in value.items()))
    return set()


def test_a_prediction_leads_to_its_row_in_its_file(run, traced: Callable, files: dict[str, str]) -> None:
    found = json.loads(traced(run.step("predict/classification/finetune")["run_id"], ROW, "--json"))
    lines = Path(files["test"]).read_text(encoding="utf-8").splitlines()
    assert found["file"] == "test.txt"
    name, text, label = lines[found["line"] - 1].split("\t")
    assert found["row"] == {"id": name, "text": text, "label": label}
    assert found["gold"] == {"label": label}
    assert found["prediction"]["prediction"] in ("0", "1")
    assert found["part"] == "test"
    assert found["sources"][0]["paths"] == [files["test"]]


def test_it_leads_to_the_models_and_to_every_document_of_the_corpus(
    run, traced: Callable, files: dict[str, str]
) -> None:
    found = json.loads(traced(run.step("predict/classification/finetune")["run_id"], ROW, "--json"))
    models = found["models"]
    assert models["adapted"]["run_id"] == run.step("adapt/classification/finetune")["run_id"]
    assert [item["run_id"] for item in models["pretrained"]] == [run.step("pretrain")["run_id"]]
    assert [item["run_id"] for item in found["tokenizer"]] == [run.step("tokenizer")["run_id"]]
    (corpus,) = found["corpus"]
    assert corpus["file"] == "corpus.jsonl.gz"
    with gzip.open(files["corpus"]) as lines:
        assert sum(corpus["documents"].values()) == len(lines.readlines()) == DOCUMENTS
    assert {"encode", "tokenizer"} <= {*corpus["used_by"]}
    assert corpus["sources"][0]["paths"] == [files["corpus"]]
    assert corpus["sources"][0]["run"]["run_id"] == run.step("ingest")["run_id"]
    assert found["gone"] == []


def test_every_run_it_names_is_in_mlflow(run, traced: Callable, home: Path) -> None:
    named = runs_in(json.loads(traced(run.step("predict/classification/finetune")["run_id"], ROW, "--json")))
    assert (
        len(named) == 8
    )  # predict, adapt, pretrain, tokenizer; split and ingest of the rows and of the corpus
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    assert {client.get_run(run_id).info.status for run_id in named} == {"FINISHED"}


@pytest.mark.parametrize("mode", ["finetune", "baseline"])
def test_adapt_and_score_lead_to_the_same_predictions_by_their_first_digits(
    run, traced: Callable, mode: str
) -> None:
    told = [
        traced(run.step(f"{step}/classification/{mode}")["run_id"][:12], ROW)
        for step in ("adapt", "predict", "score")
    ]
    assert told[0] == told[1] == told[2]
    assert f"predict/classification/{mode}" in told[0]


def test_the_text_names_row_file_line_models_and_corpus(run, traced: Callable) -> None:
    run_id = run.step("predict/classification/finetune")["run_id"]
    text, found = traced(run_id, ROW), json.loads(traced(run_id, ROW, "--json"))
    for part in (found["row"]["text"], f"test.txt, line {found['line']}", "corpus.jsonl.gz"):
        assert part in text
    for item in (found["models"]["adapted"], *found["models"]["pretrained"], *found["tokenizer"]):
        assert item["run_id"] in text


def test_a_baseline_has_no_pretraining_behind_it(run, traced: Callable) -> None:
    found = json.loads(traced(run.step("predict/classification/baseline")["run_id"], ROW, "--json"))
    assert (found["models"]["pretrained"], found["tokenizer"], found["corpus"]) == ([], [], [])


def test_what_cannot_be_traced_is_said_in_one_line(run, traced: Callable) -> None:
    predict = run.step("predict/classification/finetune")["run_id"]
    for arguments, message in (
        (("ffffffffffff", ROW), "no run 'ffffffffffff' in MLflow"),
        (("no' run", ROW), "no run 'no' run' in MLflow"),
        (
            (run.step("pretrain")["run_id"], ROW),
            "is of step 'pretrain'; give a run of predict, score or adapt",
        ),
        ((run.document["run_id"], ROW), f"such as predict/classification/finetune {predict[:12]}, "),
        ((predict, "tset7"), "did you mean 'test7'?"),
        ((predict, "nothing at all"), "ids look like 'test0'"),
        ((predict, "train3"), "is of part 'train'; only rows of part 'test' are predicted"),
    ):
        said = traced(*arguments, code=2)
        assert message in said
        assert len(said.splitlines()) == 1


def test_a_run_that_is_deleted_is_named_as_gone(run, traced: Callable, home: Path) -> None:
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    pretrained = run.step("pretrain")
    client.delete_run(pretrained["run_id"])
    try:
        text = traced(run.step("predict/classification/finetune")["run_id"], ROW)
    finally:
        client.restore_run(pretrained["run_id"])
    assert f"key {pretrained['key'][:12]}: no longer in MLflow" in text
    assert "test.txt, line" in text


def test_a_corpus_that_an_earlier_version_held_out_is_traced_to_its_file(
    run, traced: Callable, files: dict[str, str], home: Path
) -> None:
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    corpus = client.get_run(run.step("hold_out")["run_id"])
    folder = content.local(corpus.info.artifact_uri)
    assert folder
    listed = folder / manifest.NAME
    before = listed.read_bytes()
    older = json.loads(before)
    (shard,) = older["inputs"].pop("shards")
    older |= {"inputs": {"rows": shard}, "files": []}
    for part, number in (("train", 390), ("validation", 10)):
        path = folder / f"{part}.parquet"
        pl.DataFrame({"file": ["corpus.jsonl.gz"] * number}).write_parquet(path)
        older["files"] += [{"path": path.name, "bytes": path.stat().st_size, "sha256": digest(path)}]
    listed.write_text(json.dumps(older))
    client.set_tag(corpus.info.run_id, content.MANIFEST, digest(listed))
    try:
        found = json.loads(traced(run.step("predict/classification/finetune")["run_id"], ROW, "--json"))
    finally:
        listed.write_bytes(before)
        client.set_tag(corpus.info.run_id, content.MANIFEST, digest(listed))
    (held,) = found["corpus"]
    assert (held["file"], held["documents"]) == ("corpus.jsonl.gz", {"train": 390, "validation": 10})
    assert held["sources"][0]["paths"] == [files["corpus"]]
    assert "encode" in held["used_by"]
