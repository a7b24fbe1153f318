"""Downstreams: the pretrained model carried over to each, beside its two controls, and scored on test rows."""

from pathlib import Path
from typing import Any

from prefect import flow

from flows.graph.corpus import corpus_ref
from flows.graph.downstream import grid_refs, promote_refs, score_refs
from flows.graph.pretraining import model_refs
from flows.graph.registered import check_registered
from flows.opened import opened
from flows.recipe.recipe import Recipe
from tasks.graph import refs


@flow(name="downstream", flow_run_name="downstream · {recipe.stem}")
def downstream(recipe: Path, overrides: dict[str, Any] = {}, only: list[str] = []) -> None:
    """Carries the pretrained models over to the recipe's downstreams and scores them; makes what they need.

    Args:
        recipe: Path of the recipe, such as recipes/demo.yaml.
        overrides: Settings to change for this run, by their dotted path: {"downstreams.classification.labels": [1000]}.
        only: Names of the entries to run, such as classification; empty for all.
    """
    loaded = Recipe.load(recipe, overrides)
    loaded.check(only)
    corpus = corpus_ref(loaded)
    targets: list[refs.Ref] = []
    for entry in loaded.entries(only):
        made = model_refs(loaded, loaded.upstream_of(entry), corpus)
        scores = score_refs(loaded, entry, corpus, made)
        targets += [*scores, *promote_refs(loaded, entry, scores), *grid_refs(loaded, entry, corpus, made)]
    check_registered(targets)
    with opened(loaded) as run:
        run.execute(targets)
