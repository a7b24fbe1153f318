"""Pretraining: a tokenizer, encoded shards and a model for each upstream of the recipe, or a model brought along."""

from pathlib import Path
from typing import Any

from prefect import flow

from flows.graph.corpus import corpus_ref
from flows.graph.pretraining import model_refs, register_ref
from flows.graph.registered import check_registered
from flows.opened import opened
from flows.recipe.recipe import Recipe


@flow(name="pretraining", flow_run_name="pretraining · {recipe.stem}")
def pretraining(recipe: Path, overrides: dict[str, Any] = {}) -> None:
    """Pretrains every model of the recipe, from the corpus on. What is there already is not made again.

    Args:
        recipe: Path of the recipe, such as recipes/demo.yaml.
        overrides: Settings to change for this run, by their dotted path: {"upstreams.mlm.model.size": "tiny"}.
    """
    loaded = Recipe.load(recipe, overrides)
    loaded.check(labelled=False)
    corpus = corpus_ref(loaded)
    targets = [register_ref(loaded, part, model_refs(loaded, part, corpus)[1]) for part in loaded.upstreams]
    check_registered(targets)
    with opened(loaded) as run:
        run.execute(targets)
