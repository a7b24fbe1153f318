"""Which metric choices go by: the downstream's own, or the one an entry names."""

from pathlib import Path
from typing import Any

import pytest

from flows.graph.corpus import corpus_ref
from flows.graph.downstream import score_refs
from flows.graph.pretraining import model_refs
from flows.recipe import Recipe
from models.errors import RecipeError
from tasks.graph.refs import Scores, ordered
from tests.support.recipes import SMALL, write


def loaded(folder: Path, **entry: Any) -> Recipe:
    return Recipe.load(write(folder, SMALL | {"downstreams": [SMALL["downstreams"][0] | entry]}))


def keys(recipe: Recipe) -> dict[str, str]:
    """The key of each step up to the scores, by name."""
    (entry,), corpus = recipe.downstreams, corpus_ref(recipe)
    scores = score_refs(recipe, entry, corpus, model_refs(recipe, recipe.upstreams[0], corpus))
    return {ref.name: ref.key for ref in ordered([*scores])}


def test_another_headline_chooses_anew_and_leaves_what_is_above(tmp_path: Path) -> None:
    usual, other = loaded(tmp_path), loaded(tmp_path, headline="macro_f1")
    assert usual.downstreams[0].chosen.headline == "accuracy"
    assert other.downstreams[0].chosen.headline == other.downstreams[0].scored.headline == "macro_f1"
    before, after = keys(usual), keys(other)
    changed = {name for name in before if before[name] != after[name]}
    steps = {name.split("/")[0] for name in changed}
    assert steps == {"adapt", "predict", "score"}


def test_an_unknown_headline_is_refused_with_the_closest_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"headline: unknown metric 'macrof1': did you mean 'macro_f1'\?"):
        loaded(tmp_path, headline="macrof1")


@pytest.mark.parametrize("label", ["PER", "PS"])
def test_no_metric_of_a_label_is_a_headline(tmp_path: Path, label: str) -> None:
    """Which labels there are only the data says; those of made-up rows are nothing special."""
    with pytest.raises(
        RecipeError, match=f"'entity_f1/{label}' is no metric to choose by, as .*: known are entity_f1$"
    ):
        loaded(tmp_path, downstream={"kind": "ner"}, headline=f"entity_f1/{label}")


def test_scores_are_logged_by_the_headline(tmp_path: Path) -> None:
    from tasks.graph.step import step_of

    recipe = loaded(tmp_path, headline="macro_f1")
    corpus = corpus_ref(recipe)
    made = score_refs(recipe, recipe.downstreams[0], corpus, model_refs(recipe, recipe.upstreams[0], corpus))
    assert {step_of(ref).headline(ref) for ref in made if isinstance(ref, Scores)} == {"test/macro_f1"}
