"""Scores against sampled words: quicker than torch's functions one by one, and the same to the last bit."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.backbone import build
from models.backbone.config import ModelConfig
from models.backbone.vocabulary_scores import cross_entropy, head_logits, output_layer
from tests.support.toy_text import sentences


def by_torch(logits: Tensor, places: Tensor, log_inclusion: Tensor) -> Tensor:
    own = logits.gather(1, places[:, None])
    return (logits - log_inclusion).scatter(1, places[:, None], own).logsumexp(1) - own[:, 0]


def test_the_loss_and_its_gradient_are_to_the_bit_those_of_torchs_functions() -> None:
    chance = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(50, 300, generator=chance)
    candidates = torch.randperm(5000, generator=chance)[:300].sort().values
    log_inclusion = -torch.rand(300, generator=chance)
    places = torch.randint(300, (50,), generator=chance)
    batch = {"candidates": candidates, "log_inclusion": log_inclusion}
    one, other = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    ours, theirs = (
        cross_entropy(one, candidates[places], batch),
        by_torch(other, places, log_inclusion),
    )
    assert torch.equal(ours, theirs)
    (ours**2).mean().backward()  # targets do not all count alike
    (theirs**2).mean().backward()
    assert one.grad is not None
    assert other.grad is not None
    assert torch.equal(one.grad, other.grad)


@pytest.mark.parametrize("preset", ["bert", "modernbert"])
def test_the_gradient_of_candidates_is_that_of_their_rows_of_all_words(
    make_tokenizer: Callable, preset: str
) -> None:
    """Tied to the embeddings, which have one of their own: together they are one dense gradient."""
    tokenizer = make_tokenizer(sentences(200))
    config = ModelConfig.model_validate({"preset": preset, "hidden_size": 32, "layers": 1, "heads": 2})
    model = build.build(config, tokenizer, "AutoModelForMaskedLM", seed=1)
    batch = {"input_ids": torch.tensor(tokenizer(sentences(1))["input_ids"])}
    candidates = torch.arange(0, len(tokenizer), 3)
    gradients = []
    for some in (candidates, None):
        model.zero_grad()
        scores = head_logits(model, batch, lambda states: states.flatten(0, 1), some)
        scores = scores if some is not None else scores[:, candidates]
        scores.logsumexp(1).sum().backward()
        gradients.append({name: weight.grad for name, weight in model.named_parameters()})
    assert output_layer(model).weight is model.get_input_embeddings().weight
    assert not any(gradient.is_sparse for gradient in gradients[0].values())
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], msg=name)
