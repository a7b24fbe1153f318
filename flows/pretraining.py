"""Pretraining: a tokenizer, packed sequences and a model for each upstream of the recipe, or a model brought along."""

from pathlib import Path
from typing import Any

from prefect import flow

from flows.corpus import corpus_ref
from flows.opened import check_registered, opened
from flows.recipe.parts import UpstreamPart
from flows.recipe.recipe import Recipe
from models.pretrained import PretrainedConfig
from models.pretraining.pretrain import PretrainConfig
from tasks.encode import encode
from tasks.fetch import fetch
from tasks.graph import refs
from tasks.graph.refs import About
from tasks.pretrain import pretrain
from tasks.register import RegisterConfig, register
from tasks.tokenizer import tokenizer


def model_refs(
    recipe: Recipe, part: UpstreamPart, corpus: refs.Corpus | None
) -> tuple[refs.Tokenizer, refs.Model]:
    """The tokenizer and the model of an upstream: learnt from the corpus's training part, or brought along."""
    about = About(upstream=part.name, seed=recipe.seed)
    tokenizer_ref = tokenizer(part.tokenizer, about=about, corpus=corpus)
    if part.pretrained is not None:
        return tokenizer_ref, fetch(
            PretrainedConfig(pretrained=part.pretrained), about=about, tokenizer=tokenizer_ref
        )
    assert corpus is not None and part.objective and part.train, "a recipe checks that"
    sequences = encode(part.encode, about=about, corpus=corpus, tokenizer=tokenizer_ref)
    how = PretrainConfig(objective=part.objective, model=part.model, train=part.train, seed=recipe.seed)
    return tokenizer_ref, pretrain(how, about=about, sequences=sequences, tokenizer=tokenizer_ref)


def register_ref(recipe: Recipe, part: UpstreamPart, model: refs.Model) -> refs.Promotion:
    """The registry of an upstream's models, where they answer by themselves."""
    how = RegisterConfig(recipe=recipe.name, entry=part.name, manual=recipe.promote.when == "manual")
    return register(how, about=About(upstream=part.name), model=model)


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
