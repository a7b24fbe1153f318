"""Without padding a model says what it says with it, and learns the same."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from models.backbone.first_block import FIRST
from models.backbone.unpadded import unpadded
from tests.support.architectures import INSIDE, model_of

KINDS = [name for name in INSIDE if name != "distilbert"]


def texts() -> dict[str, torch.Tensor]:
    """Of several lengths, two of them alike, in no order; many a token comes twice."""
    generator = torch.Generator().manual_seed(1)
    mask = torch.tensor([[1] * length + [0] * (9 - length) for length in (4, 9, 1, 4, 7)])
    ids = torch.randint(5, 15, mask.shape, generator=generator)
    return {"input_ids": ids * mask, "attention_mask": mask}


@pytest.mark.parametrize("architecture", KINDS)
@pytest.mark.parametrize("head", ["AutoModelForSequenceClassification", "AutoModelForTokenClassification"])
def test_outputs_and_gradients_are_the_same_without_padding(architecture: str, head: str) -> None:
    model, batch, lengths = model_of(architecture, head, layers=2).eval(), texts(), []
    model.config.pad_token_id = model.config.pad_token_id or 0
    read = batch["attention_mask"].bool() if "Token" in head else ...
    layer = model.get_submodule(next(name for name, _ in model.named_modules() if name.endswith("0")))
    layer.register_forward_pre_hook(lambda _, given: lengths.append(given[0].shape[:2]))

    def learnt() -> tuple[torch.Tensor, list[torch.Tensor]]:
        model.zero_grad()
        logits = model(**batch).logits[read]
        logits.square().sum().backward()
        return logits, [item.grad.clone() for item in model.parameters() if item.grad is not None]

    padded, gradients = learnt()
    with unpadded(model):
        made, others = learnt()
    assert lengths == [(5, 9), (1, 25)]
    torch.testing.assert_close(made, padded, rtol=1e-4, atol=1e-5)
    for one, other in zip(others, gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    assert torch.equal(learnt()[0], padded)


@pytest.mark.parametrize("told", ["in the call", "by the configuration"])
def test_whoever_asks_for_all_states_gets_them_as_ever(told: str) -> None:
    model, batch = model_of("modernbert", "AutoModelForSequenceClassification").eval(), texts()
    asked = {"output_hidden_states": True} if told == "in the call" else {}
    model.config.output_hidden_states = not asked
    expected = model(**batch, **asked)
    with unpadded(model):
        found = model(**batch, **asked)
    assert [each.shape for each in found.hidden_states] == [each.shape for each in expected.hidden_states]
    torch.testing.assert_close(found.logits, expected.logits)


def test_a_decoder_keeps_of_each_text_what_continues_it_or_nothing() -> None:
    model, batch = model_of("llama", "AutoModelForCausalLM").eval(), texts()
    with unpadded(model):
        assert model(**batch).past_key_values is None
        assert len(model(**batch, use_cache=True).past_key_values.layers[0].keys) == 5
    assert len(model(**batch).past_key_values.layers[0].keys) == 5


def test_a_model_that_sees_a_window_alone_is_left_as_it_is() -> None:
    model = model_of("modernbert", "AutoModelForSequenceClassification").eval()
    model.config.layer_types = ["sliding_attention"]
    with unpadded(model):
        assert model.config._attn_implementation == "sdpa"


def rows_of(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> list[int]:
    """How many tokens each product of the base model is of."""
    rows: list[int] = []

    def see(_: nn.Module, given: Any, __: Any) -> None:
        rows.append(given[0].shape[:-1].numel())

    layers = [layer for layer in model.base_model.modules() if isinstance(layer, nn.Linear | Conv1D)]
    hooks = [layer.register_forward_hook(see) for layer in layers]
    model(**batch)
    for hook in hooks:
        hook.remove()
    return rows


@pytest.mark.parametrize("architecture", [name for name in KINDS if name != "gpt2"])
def test_after_attention_the_last_layer_has_the_tokens_alone_that_a_head_reads(architecture: str) -> None:
    model, batch = model_of(architecture, "AutoModelForSequenceClassification", layers=2).eval(), texts()
    model.config.pad_token_id, model.config.classifier_pooling = model.config.pad_token_id or 0, "cls"
    expected = model(**batch).logits
    with unpadded(model):
        torch.testing.assert_close(model(**batch).logits, expected, rtol=1e-4, atol=1e-5)
        rows = rows_of(model, batch)
        inside = model.base_model(**batch).last_hidden_state
    distinct = len(batch["input_ids"][batch["attention_mask"].bool()].unique())
    assert distinct < 15
    assert rows[0] == (distinct if architecture in FIRST else 25)
    assert set(rows[1:]) <= {25, 5, rows[0]}
    assert rows[-2:] == [5, 5]
    torch.testing.assert_close(
        inside[1], model.base_model(**batch).last_hidden_state[1], rtol=1e-4, atol=1e-5
    )


def test_a_head_that_reads_the_mean_has_all_tokens() -> None:
    model, batch = model_of("modernbert", "AutoModelForSequenceClassification").eval(), texts()
    model.config.classifier_pooling = "mean"
    expected = model(**batch).logits
    with unpadded(model):
        assert set(rows_of(model, batch)) == {25}
        torch.testing.assert_close(model(**batch).logits, expected)


def test_a_text_that_ends_in_what_is_padded_with_is_read_before_it() -> None:
    model, batch = model_of("llama", "AutoModelForSequenceClassification").eval(), texts()
    batch["input_ids"][1, 7:] = model.config.pad_token_id
    expected = model(**batch).logits
    with unpadded(model):
        torch.testing.assert_close(model(**batch).logits, expected)


def test_layers_that_are_computed_again_for_their_gradients_learn_the_same() -> None:
    model, batch = model_of("modernbert", "AutoModelForSequenceClassification", layers=2), texts()
    model.train().config.classifier_pooling = "cls"

    fewer = {name: values[:3, :6] for name, values in batch.items()}

    def learnt() -> list[torch.Tensor]:
        model.zero_grad()
        (model(**batch).logits.square().sum() + model(**fewer).logits.sum()).backward()
        return [item.grad.clone() for item in model.parameters() if item.grad is not None]

    expected = learnt()
    model.activation_checkpointing_enable()
    with unpadded(model):
        found = learnt()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_tokens_that_chance_tells_apart_are_computed_one_by_one() -> None:
    model, batch = model_of("modernbert", "AutoModelForSequenceClassification", layers=2).train(), texts()
    drop: Any = model.base_model.get_submodule("embeddings.drop")
    drop.p = 0.5
    with unpadded(model):
        assert set(rows_of(model, batch)) == {25}


def test_the_first_token_of_a_decoder_still_sees_itself_alone() -> None:
    model, batch = model_of("bert", "AutoModelForSequenceClassification", layers=2).eval(), texts()
    model.config.is_decoder = True
    for layer in model.base_model.modules():
        layer.__dict__.update({"is_causal": True} if "is_causal" in layer.__dict__ else {})
    expected = model(**batch).logits
    with unpadded(model):
        torch.testing.assert_close(model(**batch).logits, expected, rtol=1e-4, atol=1e-5)


def test_half_precision_mixes_with_positions_in_full() -> None:
    model, batch = model_of("llama", "AutoModelForSequenceClassification", layers=2).eval(), texts()
    expected = model(**batch).logits
    with unpadded(model), torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(model(**batch).logits.float(), expected, rtol=0.1, atol=0.02)
