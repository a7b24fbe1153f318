"""The recipe that asks without training, on models as small as a test wants, on a real store."""

from pathlib import Path

import pytest

from flows.graph.chain import chain
from flows.recipe.recipe import Recipe
from tasks.running.execution import RunContext
from tasks.storage import artifacts
from tests.support.making import make

ASK = Path(__file__).parents[2] / "recipes" / "ask.yaml"
SMALL = {
    "threads": 1,
    "corpus.sources.0.documents": 1500,
    "corpus.quarantine": 0.1,
    **{
        f"upstreams.{name}.{setting}": value
        for name in ("mlm", "clm")
        for setting, value in {
            "tokenizer.vocabulary": 600,
            "model.hidden_size": 32,
            "model.layers": 1,
            "model.heads": 2,
            "train.tokens": 20_000,
            "train.batch_tokens": 512,
        }.items()
    },
    **{
        f"downstreams.{name}.data.0.{part}": count
        for name in ("classification", "classification-clm", "generation")
        for part, count in {"documents": 1500, "train": 200, "validation": 20, "test": 24}.items()
    },
    **{
        f"downstreams.{name}.quarantine": 0.2
        for name in ("classification", "classification-clm", "generation")
    },
}


@pytest.mark.slow
def test_it_is_asked_in_every_mode_and_scored(context: RunContext) -> None:
    recipe = Recipe.load(ASK, SMALL)
    recipe.check()
    scores = [
        ref
        for ref in chain(recipe, ["classification", "classification-clm", "generation"])
        if ref.step == "score"
    ]
    assert [ref.about.mode for ref in scores] == ["zero_shot", "one_shot", "few_shot"] * 3
    for ref in scores:
        make(ref, context)
        made = artifacts.find(ref.key)
        headline = "chrf" if ref.about.downstream == "generation" else "accuracy"
        assert made is not None and 0 <= made.metrics[f"test/{headline}"] <= 100
