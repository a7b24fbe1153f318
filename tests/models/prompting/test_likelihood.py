"""How likely a model finds pieces of text: what batches and caches give is what one text alone gives."""

import numpy as np
import pytest
import torch
from torch.nn.functional import log_softmax
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models.backbone import build
from models.backbone.config import ModelConfig
from models.prompting.likelihood import Blank, continued, filled


@pytest.fixture
def tokenizer(make_tokenizer) -> PreTrainedTokenizerFast:
    return make_tokenizer(["비가 온다", "날이 맑다"])


def model(preset: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    config = ModelConfig(preset=preset, hidden_size=32, layers=2, heads=2, max_positions=64)  # type: ignore[arg-type]
    kind = "AutoModelForMaskedLM" if preset == "bert" else "AutoModelForCausalLM"
    return build.build(config, tokenizer, kind, seed=0).eval()


@pytest.mark.parametrize("preset", ["gpt2", "llama"])
def test_a_continuation_is_as_likely_as_its_tokens_one_by_one(
    preset: str, tokenizer: PreTrainedTokenizerFast
) -> None:
    causal = model(preset, tokenizer)
    prefix, candidates = [2, 7, 8, 9], [[5], [6, 7, 8], [9, 9]]
    sums = continued(causal, prefix, candidates)
    for candidate, together in zip(candidates, sums, strict=True):
        with torch.inference_mode():
            scores = log_softmax(causal(torch.tensor([prefix + candidate])).logits[0].double(), dim=-1)
        alone = sum(float(scores[len(prefix) - 1 + at, token]) for at, token in enumerate(candidate))
        assert together == pytest.approx(alone, abs=1e-4)


def test_blanks_of_different_lengths_are_filled_as_each_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    masked, mask = model("bert", tokenizer), int(tokenizer.mask_token_id)  # type: ignore[arg-type]
    blanks = [
        Blank([2, 5, mask, mask, 6, 7, 8, 3], [2, 3], [[5, 6], [7, 8]]),
        Blank([2, mask, 3], [1], [[5], [6], [9]]),
    ]
    together = filled(masked, blanks, padding=0)
    for blank, scores in zip(blanks, together, strict=True):
        assert scores.shape == (len(blank.candidates),)
        assert np.allclose(scores, filled(masked, [blank], padding=0)[0], atol=1e-5)
