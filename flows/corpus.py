"""The corpus: read, cleaned and checked, with a share of it held out."""

from pathlib import Path
from typing import Any

from prefect import flow

from flows.opened import opened
from flows.recipe.recipe import Recipe
from models.errors import RecipeError
from tasks.graph import refs
from tasks.hold_out import HoldOutConfig, Labelled, hold_out
from tasks.ingest import IngestConfig, ingest
from tasks.validate import ValidateConfig, validate


def corpus_ref(recipe: Recipe) -> refs.Corpus | None:
    """The corpus in its parts, if there is one; with `leaks: remove`, every test file of the recipe bears on it."""
    part = recipe.corpus
    if part is None:
        return None
    read = ingest(IngestConfig(sources=part.sources, clean=part.clean))
    checked = validate(ValidateConfig(quarantine=part.quarantine), rows=read)
    entries = recipe.downstreams if part.leaks == "remove" else ()
    tests = tuple(
        Labelled(
            sources=entry.data,
            seed=recipe.seed,
            texts=entry.downstream.texts,
            pool=entry.downstream.pool,
        )
        for entry in entries
    )
    how = HoldOutConfig(seed=recipe.seed, holdout=part.holdout, tests=tests, cleaned=part.clean)
    return hold_out(how, rows=checked)


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
