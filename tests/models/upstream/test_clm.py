"""Causal language modelling: each token from those before it, documents apart, and rates that compare."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from models.backbone import build
from models.backbone.config import ModelConfig
from models.pretraining.batches import rows, vocabulary_of
from models.tokens.documents import Documents
from models.upstream.clm import CausalLanguageModelling
from tests.support.encoded import apart, by_hand
from tests.support.toy_text import sentences


@pytest.fixture
def tokenizer(make_tokenizer: Callable):
    return make_tokenizer(sentences(300))


@pytest.fixture(params=["gpt2", "llama"])
def model(request: pytest.FixtureRequest, tokenizer) -> PreTrainedModel:
    config = ModelConfig(preset=request.param, hidden_size=32, layers=2, heads=2)
    return build.build(config, tokenizer, "AutoModelForCausalLM", seed=1).eval()


def documents(tokenizer, texts: list[str]) -> Documents:
    return by_hand([tokenizer(text).input_ids for text in texts], texts)


def batch(
    tokenizer, given: Documents, chosen: list[int], candidates: int | None = None, seed: int = 0
) -> dict:
    objective = CausalLanguageModelling(candidates=candidates)
    generator = torch.Generator().manual_seed(seed)
    return objective.batch(rows(given, np.array(chosen)), vocabulary_of(given, tokenizer), generator)


def test_every_token_but_the_first_is_said_and_padding_never(tokenizer) -> None:
    given = documents(tokenizer, sentences(12))
    made = batch(tokenizer, given, list(range(12)))
    for said, ids in zip(made["targets"], apart(given), strict=True):
        length = len(ids)
        assert said[: length - 1].tolist() == ids[1:]
        assert said[length - 2] == tokenizer.sep_token_id
        assert (said[length - 1 :] == -100).all()


def test_the_loss_of_a_batch_is_that_of_its_documents_one_by_one(tokenizer, model: PreTrainedModel) -> None:
    given = documents(tokenizer, sentences(9))
    objective = CausalLanguageModelling()
    with torch.no_grad():
        together = objective.evaluate(model, batch(tokenizer, given, list(range(9))))
        alone = [objective.evaluate(model, batch(tokenizer, given, [row])) for row in range(9)]
        mean = float(objective.losses(model, batch(tokenizer, given, list(range(9))))["loss"])
    assert together[1] == sum(number for _, number in alone) == given.tokens - 9
    assert together[0] == pytest.approx(sum(nats for nats, _ in alone), rel=1e-5)
    assert mean == pytest.approx(together[0] / together[1], rel=1e-5)


def test_it_is_the_loss_of_plain_transformers(tokenizer, model: PreTrainedModel) -> None:
    given = documents(tokenizer, sentences(1))
    ids = torch.from_numpy(np.array(apart(given)[0]))[None]
    with torch.no_grad():
        nats, number = CausalLanguageModelling().evaluate(model, batch(tokenizer, given, [0]))
        assert nats / number == pytest.approx(model(input_ids=ids, labels=ids).loss.item(), rel=1e-4)


def test_candidates_estimate_the_loss_over_the_whole_vocabulary(tokenizer, model: PreTrainedModel) -> None:
    given = documents(tokenizer, sentences(30))
    with torch.no_grad():
        exact = CausalLanguageModelling().losses(model, batch(tokenizer, given, list(range(30))))["loss"]
        sampled = [
            CausalLanguageModelling(candidates=64).losses(
                model, batch(tokenizer, given, list(range(30)), 64, seed)
            )["loss"]
            for seed in range(30)
        ]
    assert np.mean(sampled) == pytest.approx(float(exact), rel=0.03)


def test_rates_of_held_out_text() -> None:
    rates = CausalLanguageModelling().rates(nats=100 * math.log(2), targets=50, size=25)
    assert rates == pytest.approx({"perplexity": 4.0, "bits_per_byte": 4.0})
