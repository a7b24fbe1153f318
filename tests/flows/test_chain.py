"""What a recipe's steps are, and what a change in it makes anew; nothing runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flows.graph.chain import chain, report_refs
from flows.recipe.recipe import Recipe
from tasks.graph.refs import Corpus, Ref, Scores, ordered
from tests.support.recipes import SMALL, write


def keys(recipe: Path, only: Sequence[str] = (), **overrides: Any) -> dict[str, str]:
    """Keys by step and mode."""
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    return {ref.title: ref.key for ref in steps(Recipe.load(recipe, dotted), only)}


def steps(recipe: Recipe, only: Sequence[str] = ()) -> list[Ref]:
    made = chain(recipe, only)
    return ordered([*made, *report_refs(recipe, only, made)])


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Steps whose key differs, without what tells them from their siblings."""
    return {title.split("/")[0].split(" ")[0] for title in before if before[title] != after.get(title)}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write(tmp_path, SMALL)


def test_the_whole_chain_ends_in_one_report(recipe: Path) -> None:
    made = [ref.step for ref in steps(Recipe.load(recipe))]
    assert made.count("pretrain") == 1
    assert made.count("score") == 3
    assert made[-1] == "report"


def test_keys_are_the_same_each_time(recipe: Path) -> None:
    assert keys(recipe) == keys(recipe)


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [
        ({"device": "cpu", "threads": 2}, set()),
        ({"name": "renamed", "report__title": "renamed"}, {"register", "promote", "report"}),
        ({"downstreams__0__finetune__epochs": 2}, {"adapt", "predict", "score", "promote", "report"}),
        (
            {"upstreams__0__train__tokens": 30_000},
            {"pretrain", "register", "adapt", "predict", "score", "promote", "report"},
        ),
        (
            {"upstreams__0__tokenizer__vocabulary": 500},
            {"tokenizer", "encode", "pretrain", "register", "adapt", "predict", "score", "promote", "report"},
        ),
    ],
    ids=lambda value: " ".join(sorted(value)),
)
def test_a_change_reaches_what_follows_and_nothing_else(
    recipe: Path, overrides: Any, steps: set[str]
) -> None:
    assert changed(keys(recipe), keys(recipe, **overrides)) == steps


def test_the_baseline_is_not_touched_by_fine_tuning_or_pretraining(recipe: Path) -> None:
    title = "score/classification/baseline (100 labels)"
    changes = {"downstreams__0__finetune__epochs": 2, "upstreams__0__train__tokens": 30_000}
    assert keys(recipe)[title] == keys(recipe, **changes)[title]


CORPUS_CHANGES = (
    {"corpus__holdout": 0.02},
    {"corpus__sources__0__documents": 1600},
    {"corpus__quarantine": 0.2},
    {"corpus__clean__exact_duplicates": False},
)


@pytest.mark.parametrize("change", CORPUS_CHANGES, ids=str)
def test_a_changed_corpus_leaves_labelled_rows_and_baselines_alone(recipe: Path, change: Any) -> None:
    before, after = keys(recipe), keys(recipe, **change)
    labelled = [title for title in before if title.startswith(("ingest/", "validate/", "split/"))]
    learnt = [f"{step}/classification/baseline (100 labels)" for step in ("adapt", "predict")]
    assert len(labelled) == 3
    assert [title for title in (*labelled, *learnt) if before[title] != after[title]] == []
    assert before["leaks/classification"] != after["leaks/classification"]


def test_a_changed_corpus_makes_scratch_anew_by_its_tokenizer_alone(recipe: Path) -> None:
    every = steps(Recipe.load(recipe))
    (scratch,) = (ref for ref in every if ref.name == "adapt/classification/scratch")
    (corpus,) = (ref for ref in every if isinstance(ref, Corpus))
    reached = {name: ordered([parent]) for name, parent in scratch.inputs.items() if isinstance(parent, Ref)}
    assert {name for name, found in reached.items() if {*corpus.shards} & {*found}} == {"tokenizer"}
    before, after = keys(recipe), keys(recipe, corpus__holdout=0.02)
    again = {title for title in before if before[title] != after[title]}
    modes = {
        step: {title.split("/")[2].split(" ")[0] for title in again if title.startswith(f"{step}/")}
        for step in ("adapt", "predict", "score")
    }
    assert modes == {
        "adapt": {"finetune", "scratch"},
        "predict": {"finetune", "scratch"},
        "score": {"finetune", "scratch", "baseline"},
    }


def test_only_an_entry_brings_what_it_needs_and_its_report(recipe: Path) -> None:
    every = keys(recipe)
    assert every.pop("register (mlm)")  # the model itself is asked for by its own name
    assert keys(recipe, ["classification"]) == every


def test_only_a_step_brings_what_it_needs_and_no_report(recipe: Path) -> None:
    assert {ref.step for ref in steps(Recipe.load(recipe), ["encode"])} == {
        "ingest",
        "validate",
        "tokenizer",
        "encode",
    }


def test_only_a_pretraining_leaves_downstreams_alone(recipe: Path) -> None:
    made = steps(Recipe.load(recipe), ["mlm"])
    assert [ref.step for ref in made[-2:]] == ["pretrain", "register"]
    assert not any(ref.about.downstream for ref in made)


def test_with_leaks_removed_the_corpus_takes_in_all_test_files_whatever_only_says(recipe: Path) -> None:
    reported, removed = keys(recipe), keys(recipe, corpus__leaks="remove")
    assert reported["hold_out"] != removed["hold_out"]
    assert keys(recipe, ["pretrain"], corpus__leaks="remove")["hold_out"] == removed["hold_out"]
    smaller = keys(recipe, corpus__leaks="remove", downstreams__0__data__0__test=90)
    assert smaller["hold_out"] != removed["hold_out"]
    classes = {"downstreams__0__downstream__classes": ["긍정", "부정", "중립"]}
    assert keys(recipe, corpus__leaks="remove", **classes)["hold_out"] == removed["hold_out"]


def test_entries_that_share_controls_are_each_reported(recipe: Path) -> None:
    again = {**SMALL["downstreams"][0], "name": "again"}
    both = Recipe.load(write(recipe.parent, SMALL | {"downstreams": [SMALL["downstreams"][0], again]}))
    for only in ([], ["classification", "again"], ["report"]):
        (report,) = report_refs(both, only, chain(both, only))
        scores = [ref for ref in report.parents() if isinstance(ref, Scores)]
        found = [(ref.about.downstream, ref.about.mode) for ref in scores]
        modes = ("finetune", "scratch", "baseline")
        assert found == [(entry, mode) for entry in ("classification", "again") for mode in modes]


def test_asking_starts_from_what_the_demo_has_pretrained() -> None:
    """So that the first recipe without training needs none where the demo has run."""
    recipes = Path(__file__).parents[2] / "recipes"
    demo, ask = (steps(Recipe.load(recipes / f"{name}.yaml"), ["mlm", "clm"]) for name in ("demo", "ask"))
    made = [{ref.key for ref in part if ref.step == "pretrain"} for part in (demo, ask)]
    assert len(made[0]) == 2 and made[0] == made[1]


def test_asking_trains_nothing() -> None:
    asked = steps(Recipe.load(Path(__file__).parents[2] / "recipes" / "ask.yaml"))
    ways = {type(ref.config.way).__name__ for ref in asked if ref.step == "adapt"}  # type: ignore[attr-defined]
    assert ways == {"InContext"}
