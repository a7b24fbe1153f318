"""Masked language modelling: what is asked, and that scoring only what is asked changes nothing."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from models.backbone import build
from models.backbone.config import ModelConfig
from models.backbone.vocabulary_scores import target_logits
from models.errors import DataError
from models.interfaces.objective import Vocabulary
from models.pretraining.batches import vocabulary_of
from models.upstream.mlm import MaskedLanguageModelling
from tests.support.encoded import by_hand
from tests.support.toy_text import sentences


@pytest.fixture
def tokenizer(make_tokenizer: Callable):
    return make_tokenizer(sentences(300))


@pytest.fixture
def words(tokenizer) -> Vocabulary:
    text = " ".join(sentences(50))
    return vocabulary_of(by_hand([tokenizer(text).input_ids], [text]), tokenizer)


def inputs(tokenizer, texts: list[str]) -> dict[str, torch.Tensor]:
    made = tokenizer(texts, padding=True, return_tensors="pt")
    return {name: made[name] for name in ("input_ids", "attention_mask")}


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5])
def test_every_text_is_asked_its_share_and_never_its_frame_or_padding(tokenizer, words, rate: float) -> None:
    given = inputs(tokenizer, sentences(40))
    batch = MaskedLanguageModelling(mask_rate=rate).batch(given, words, chance())
    asked = batch["targets"] != -100
    lengths = given["attention_mask"].sum(1) - 2
    assert asked.sum(1).tolist() == [max(1, round(rate * n)) for n in lengths.tolist()]
    assert (batch["targets"][asked] == given["input_ids"][asked]).all()
    assert not torch.isin(batch["targets"][asked], words.special).any()
    assert (batch["input_ids"][~asked] == given["input_ids"][~asked]).all()


def test_shares_that_are_kept_replaced_and_hidden(tokenizer, words) -> None:
    given = inputs(tokenizer, sentences(2_000))
    objective = MaskedLanguageModelling(mask_rate=0.5, keep_rate=0.2, random_rate=0.3)
    batch = objective.batch(given, words, chance())
    asked = batch["targets"] != -100
    shown, truth = batch["input_ids"][asked], batch["targets"][asked]
    assert (shown == tokenizer.mask_token_id).float().mean() == pytest.approx(0.5, abs=0.03)
    assert (shown == truth).float().mean() == pytest.approx(0.2, abs=0.03)


def test_masks_are_a_function_of_the_generator_alone(tokenizer, words) -> None:
    given, objective = inputs(tokenizer, sentences(20)), MaskedLanguageModelling()
    first, again, other = (objective.batch(given, words, chance(seed))["targets"] for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("preset", ["bert", "modernbert"])
def test_scores_at_masked_positions_are_those_of_the_whole_model(tokenizer, words, preset: str) -> None:
    config = ModelConfig(preset=preset, hidden_size=32, layers=2, heads=2)
    model = build.build(config, tokenizer, "AutoModelForMaskedLM", seed=1).eval()
    batch = MaskedLanguageModelling().batch(inputs(tokenizer, sentences(8)), words, chance())
    asked = batch["targets"] != -100
    whole = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    assert torch.allclose(target_logits(model, batch), whole[asked], atol=1e-5)
    some = torch.tensor([3, 7, 20])
    partly = target_logits(model, batch, some)
    assert torch.allclose(partly, whole[asked][:, some], atol=1e-5)
    with torch.no_grad():
        loss, number = MaskedLanguageModelling().evaluate(model, batch)
    assert loss / number == pytest.approx(
        cross_entropy(whole[asked], batch["targets"][asked]).item(), abs=1e-4
    )


@pytest.mark.parametrize("preset", ["bert", "modernbert"])
def test_a_document_scores_the_same_alone_and_beside_longer_ones(tokenizer, words, preset: str) -> None:
    config = ModelConfig(preset=preset, hidden_size=32, layers=2, heads=2)
    model = build.build(config, tokenizer, "AutoModelForMaskedLM", seed=1).eval()
    texts = sentences(6)
    together = model(**inputs(tokenizer, texts)).logits
    for row, text in enumerate(texts):
        alone = model(**{"input_ids": inputs(tokenizer, [text])["input_ids"]}).logits[0]
        assert torch.allclose(together[row, : len(alone)], alone, atol=1e-4)


def test_candidates_estimate_the_loss_over_the_whole_vocabulary(tokenizer, words) -> None:
    model = build.build(
        ModelConfig(hidden_size=32, layers=1), tokenizer, "AutoModelForMaskedLM", seed=1
    ).eval()
    given = inputs(tokenizer, sentences(30))
    sampled, full = MaskedLanguageModelling(candidates=64), MaskedLanguageModelling()
    with torch.no_grad():
        estimates = [
            float(sampled.losses(model, sampled.batch(given, words, chance(i)))["loss"]) for i in range(30)
        ]
        exact = [float(full.losses(model, full.batch(given, words, chance(i)))["loss"]) for i in range(30)]
    assert np.mean(estimates) == pytest.approx(np.mean(exact), rel=0.03)


@pytest.mark.parametrize("candidates", [None, 32])
def test_the_bag_of_words_trains_every_weight(tokenizer, words, candidates: int | None) -> None:
    objective = MaskedLanguageModelling(bag_of_words=0.5, candidates=candidates)
    model = build.build(ModelConfig(hidden_size=32, layers=1), tokenizer, objective.model_class, seed=1)
    losses = objective.losses(model, objective.batch(inputs(tokenizer, sentences(8)), words, chance()))
    whole, masked, bag = (
        float(losses[name].detach()) for name in ("loss", "masked_loss", "bag_of_words_loss")
    )
    assert whole == pytest.approx(masked + 0.5 * bag)
    losses["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_bias_starts_as_log_frequency(tokenizer, words) -> None:
    objective = MaskedLanguageModelling()
    model = build.build(ModelConfig(hidden_size=32, layers=1), tokenizer, objective.model_class, seed=1)
    objective.prepare(model, words)
    chances = model.get_output_embeddings().bias.softmax(0)
    assert chances.argmax() == words.counts.argmax()


def test_what_cannot_be_is_refused(tokenizer, words) -> None:
    with pytest.raises(ValueError, match="keep_rate and random_rate"):
        MaskedLanguageModelling(keep_rate=0.7, random_rate=0.5)
    without = Vocabulary(words.special, None, words.counts)
    with pytest.raises(DataError, match=r"no \[MASK\] token"):
        MaskedLanguageModelling().batch(inputs(tokenizer, ["가"]), without, chance())
