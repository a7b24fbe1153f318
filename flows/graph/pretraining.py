"""Pretraining: a tokenizer, encoded shards and a model for each upstream of the recipe, or a model brought along."""

from dataclasses import replace

from flows.graph.corpus import shards
from flows.recipe.parts import UpstreamPart
from flows.recipe.recipe import Recipe
from models.data import sampling
from models.pretrained import PretrainedConfig
from models.pretraining.pretrain import PretrainConfig
from tasks.encode import encode
from tasks.fetch import fetch
from tasks.graph import refs
from tasks.graph.refs import About
from tasks.pretrain import pretrain
from tasks.register import RegisterConfig, register
from tasks.tokenizer import LearnConfig, tokenizer


def model_refs(
    recipe: Recipe, part: UpstreamPart, corpus: refs.Corpus | None
) -> tuple[refs.Tokenizer, refs.Model]:
    """The tokenizer and the model of an upstream: learnt from the corpus's training part, or brought along."""
    about = About(upstream=part.name, seed=recipe.seed)
    tokenizer_ref = _tokenizer_ref(recipe, part, about)
    if part.pretrained is not None:
        return tokenizer_ref, fetch(
            PretrainedConfig(pretrained=part.pretrained), about=about, tokenizer=tokenizer_ref
        )
    assert corpus is not None and part.objective and part.train, "a recipe checks that"
    sequences = tuple(
        encode(
            part.encode.cutting(),
            about=replace(about, shard=ref.about.shard),
            rows=ref,
            tokenizer=tokenizer_ref,
        )
        for ref in corpus.shards
    )
    how = PretrainConfig(
        objective=part.objective, model=part.model, train=part.train, encode=part.encode, seed=recipe.seed
    )
    return tokenizer_ref, pretrain(
        how, about=about, sequences=sequences, corpus=corpus, tokenizer=tokenizer_ref
    )


def _tokenizer_ref(recipe: Recipe, part: UpstreamPart, about: About) -> refs.Tokenizer:
    """The tokenizer of an upstream; of the corpus it knows the shards alone that its sample is drawn from."""
    found, own = shards(recipe), part.tokenizer
    chosen = range(len(found))
    if own.sample is not None:
        sizes, sources = [shard.size for shard in found], [shard.source for shard in found]
        chosen = sampling.shards(sizes, sources, own.sample, recipe.seed)
    drawn = tuple(dict.fromkeys(found[shard].ref for shard in chosen))
    holdout = recipe.corpus.holdout if recipe.corpus else LearnConfig.model_fields["holdout"].default
    how = LearnConfig(**dict(own), seed=recipe.seed, holdout=holdout)
    return tokenizer(how, about=about, shards=drawn)


def register_ref(recipe: Recipe, part: UpstreamPart, model: refs.Model) -> refs.Promotion:
    """The registry of an upstream's models, where they answer by themselves."""
    how = RegisterConfig(recipe=recipe.name, entry=part.name, manual=recipe.promote.when == "manual")
    return register(how, about=About(upstream=part.name), model=model)
