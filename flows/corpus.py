"""The corpus by itself: read, cleaned and checked shard by shard, and put together with a share of it held out."""

from pathlib import Path
from typing import Any

from prefect import flow

from flows.graph.corpus import corpus_ref
from flows.opened import opened
from flows.recipe.recipe import Recipe
from models.errors import RecipeError


@flow(name="corpus", flow_run_name="corpus · {recipe.stem}")
def corpus(recipe: Path, overrides: dict[str, Any] = {}) -> None:
    """Reads, cleans and checks the corpus, so that trouble with the data shows before anything is trained on it.

    Args:
        recipe: Path of the recipe, such as recipes/demo.yaml.
        overrides: Settings to change for this run, by their dotted path: {"corpus.quarantine": 0.05}.
    """
    loaded = Recipe.load(recipe, overrides)
    loaded.check(labelled=False)
    read = corpus_ref(loaded)
    if read is None:
        raise RecipeError(f"{recipe}: there is no 'corpus' in it, and so nothing to read")
    with opened(loaded) as run:
        run.execute([read])
