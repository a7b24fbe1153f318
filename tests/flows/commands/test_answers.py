"""`why`, `keep`, `compare` and `reproduce`, on two real runs over files that differ in a seed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.recipes import on_files, write, write_corpus, write_labelled

OTHER = ("--set", "downstreams.classification.seed=2")
ADAPT, SCORE = "adapt/classification/baseline", "score/classification/baseline"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    # Another number of rows than other tests have: nothing is shared with their runs.
    return write_labelled(tmp_path_factory.mktemp("answers") / "rows", 66)


@pytest.fixture(scope="module")
def recipe(labelled: dict[str, str]) -> Path:
    folder = Path(labelled["train"]).parents[1]
    named = on_files(write_corpus(folder / "corpus.jsonl.gz"), labelled)
    return write(folder, named | {"name": "answers"})


@pytest.fixture(scope="module")
def first(headwater: Callable, recipe: Path):
    made = headwater("run", recipe, "--only", "classification", "--json")
    assert made.code == 0, made.err
    return made


@pytest.fixture(scope="module")
def second(headwater: Callable, recipe: Path, first):
    made = headwater("run", recipe, "--only", "classification", "--json", *OTHER)
    assert made.code == 0, made.err
    return made


def test_why_says_of_a_hit_which_run_made_it(first, headwater_here: Callable, recipe: Path) -> None:
    ended = headwater_here("why", recipe, ADAPT)
    assert ended.code == 0
    assert ended.out.strip() == f"{ADAPT} (20 labels): hit, of run {first.step(ADAPT)['run_id'][:12]}"


def test_why_names_what_was_changed_and_where(
    first, headwater_here: Callable, recipe: Path, labelled: dict[str, str]
) -> None:
    text = Path(labelled["train"]).read_text(encoding="utf-8")
    Path(labelled["train"]).write_text(text.replace("나쁘다", "나빠", 1), encoding="utf-8")
    try:
        (answer,) = json.loads(headwater_here("why", recipe, SCORE, "--json").out)
        said = headwater_here("why", recipe, SCORE).out
    finally:
        Path(labelled["train"]).write_text(text, encoding="utf-8")
    (cause,) = answer["causes"]
    assert (cause["kind"], cause["name"]) == ("file", labelled["train"])
    assert cause["path"] == [
        "rows",
        "split/classification",
        "validate/classification",
        "ingest/classification",
    ]
    assert answer["run_id"] == first.step(SCORE)["run_id"]
    assert f"file {labelled['train']} changed" in said


def test_why_tells_of_all_steps_of_a_name_and_what_was_never_made(
    first, headwater_here: Callable, recipe: Path
) -> None:
    answers = json.loads(headwater_here("why", recipe, "adapt", "--json", "--set", "seed=9").out)
    assert [item["step"] for item in answers] == [f"{ADAPT} (20 labels)"]
    never = headwater_here("why", recipe, "adapt", "--set", 'downstreams.0.modes=["scratch"]')
    assert "nothing was ever made for it" in never.out


def test_a_step_that_is_none_is_answered_with_the_nearest(headwater_here: Callable, recipe: Path) -> None:
    for command in (("why",), ("keep", "--reason", "x")):
        ended = headwater_here(command[0], recipe, "adapt/clasification", *command[1:])
        assert ended.code == 2
        assert "did you mean 'adapt/classification'?" in ended.err and len(ended.err.splitlines()) == 1


def test_what_is_kept_is_a_hit_everywhere_until_it_is_taken_back(
    first, headwater_here: Callable, recipe: Path
) -> None:
    changed = ("--set", "downstreams.classification.seed=5")

    def planned() -> dict[str, dict]:
        steps = json.loads(headwater_here("plan", recipe, "--no-probe", "--json", *changed).out)["steps"]
        return {step["name"]: step for step in steps}

    title = f"{ADAPT} (20 labels)"
    ended = headwater_here("keep", recipe, ADAPT, "--reason", "seeds are alike", *changed)
    assert ended.code == 0 and "field seed: 1 -> 5" in ended.out
    there = planned()
    assert (there[title]["status"], there[title]["kept"]) == ("hit", "seeds are alike")
    assert there[title]["run_id"] == first.step(ADAPT)["run_id"]
    assert "kept: seeds are alike" in headwater_here("why", recipe, ADAPT, *changed).out
    again = headwater_here("keep", recipe, ADAPT, "--reason", "seeds are alike", *changed)
    assert again.code == 2 and "nothing to keep" in again.err
    assert headwater_here("keep", recipe, ADAPT, "--undo", *changed).code == 0
    assert planned()[title]["status"] == "run"
    assert headwater_here("keep", recipe, ADAPT, "--undo", *changed).code == 2


def test_what_was_never_made_cannot_be_kept_nor_without_a_reason(
    first, headwater_here: Callable, recipe: Path
) -> None:
    scratch = ("--set", 'downstreams.0.modes=["scratch"]')
    ended = headwater_here("keep", recipe, "adapt", "--reason", "x", *scratch)
    assert ended.code == 2 and "nothing was ever made for it" in ended.err
    assert headwater_here("keep", recipe, ADAPT, *OTHER).code == 2


def test_compare_names_settings_and_scores_with_their_paired_interval(
    first, second, headwater_here: Callable
) -> None:
    a, b = first.document["run_id"], second.document["run_id"]
    document = json.loads(headwater_here("compare", a, b, "--json").out)
    assert document["settings"] == [{"name": "downstreams.classification.seed", "a": None, "b": 2}]
    (score,) = document["scores"]
    found = score["metrics"]["accuracy"]
    for name, run in (("a", first), ("b", second)):
        assert found[name] == pytest.approx(run.step(SCORE)["metrics"]["test/accuracy"])
    assert found["value"] == pytest.approx(found["b"] - found["a"])
    assert found["low"] <= found["value"] <= found["high"] and score["rows"] == 66
    excludes_0 = found["low"] > 0 or found["high"] < 0
    assert (found["verdict"] == "not told apart") != excludes_0
    said = headwater_here("compare", a[:10], b[:10]).out
    assert found["verdict"] in said and max(map(len, said.splitlines())) <= 80


def test_two_models_are_compared_by_any_of_their_runs(first, second, headwater_here: Callable) -> None:
    pairs = [(first.step(name)["run_id"], second.step(name)["run_id"]) for name in (ADAPT, SCORE)]
    adapt, score = (json.loads(headwater_here("compare", *pair, "--json").out) for pair in pairs)
    assert adapt["scores"] == score["scores"]
    assert {"name": "adapt.seed", "a": 1, "b": 2} in adapt["settings"]


def test_the_same_run_twice_is_said_to_be_the_same(first, headwater_here: Callable) -> None:
    run_id = first.document["run_id"]
    said = headwater_here("compare", run_id, run_id).out
    assert "The settings are the same." in said and "1 of 1 scores are the very same artifacts." in said


def test_what_cannot_be_compared_is_refused_in_a_line(first, headwater_here: Callable) -> None:
    flow, step, rows = (
        first.document["run_id"],
        first.step(SCORE)["run_id"],
        first.step("ingest/classification"),
    )
    for pair, message in (
        ((flow, step), "two of the same kind"),
        ((flow, rows["run_id"]), "is of step 'ingest'"),
        ((flow, "ffffffff"), "no run 'ffffffff'"),
    ):
        ended = headwater_here("compare", *pair)
        assert ended.code == 2 and message in ended.err and len(ended.err.splitlines()) == 1


@pytest.mark.slow
def test_a_step_is_made_again_from_what_mlflow_holds_with_the_very_bytes(
    first, headwater: Callable, recipe: Path
) -> None:
    text = recipe.read_text(encoding="utf-8")
    recipe.unlink()
    try:
        ended = headwater("reproduce", first.step("split/classification")["run_id"], "--json")
    finally:
        recipe.write_text(text, encoding="utf-8")
    assert ended.code == 0, ended.err
    assert ended.document["verdict"].startswith("the same bytes")
    assert {step["title"].split("/")[0] for step in ended.document["steps"]} == {
        "ingest",
        "validate",
        "split",
    }
    assert ended.document["not_as_then"] == {"files": [], "code": [], "libraries": []}


def test_a_file_that_is_gone_cannot_be_read_again(
    first, headwater_here: Callable, labelled: dict[str, str]
) -> None:
    path = Path(labelled["test"])
    path.rename(path.with_suffix(".away"))
    try:
        ended = headwater_here("reproduce", first.document["run_id"])
    finally:
        path.with_suffix(".away").rename(path)
    assert ended.code == 2 and str(path) in ended.err and "no longer there" in ended.err


@pytest.mark.slow
def test_what_comes_out_otherwise_is_named_with_the_file_that_changed(
    first, headwater: Callable, labelled: dict[str, str]
) -> None:
    path = Path(labelled["test"])
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("나쁘다\t0", "나쁘다\t1", 30), encoding="utf-8")
    try:
        ended = headwater("reproduce", first.document["run_id"], "--only", "classification", "--json")
    finally:
        path.write_text(text, encoding="utf-8")
    assert ended.code == 1
    assert ended.document["verdict"].startswith("differs")
    assert ended.document["not_as_then"]["files"] == [str(path)]
