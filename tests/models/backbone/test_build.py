"""Models come from presets or checkpoints, the same every time, and say what does not fit before anything runs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMaskedLM

from models.backbone import build
from models.backbone.config import ModelConfig
from models.errors import DataError, RecipeError
from tests.support.toy_text import sentences


@pytest.fixture
def tokenizer(make_tokenizer: Callable):
    return make_tokenizer(sentences(300))


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return dict(model.state_dict())


def test_fresh_weights_are_a_function_of_the_seed_and_leave_the_random_state_alone(
    small_model, tokenizer
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = state(build.build(small_model, tokenizer, "AutoModelForMaskedLM", seed=1))
    assert torch.equal(torch.rand(3), expected)
    again = state(build.build(small_model, tokenizer, "AutoModelForMaskedLM", seed=1))
    other = state(build.build(small_model, tokenizer, "AutoModelForMaskedLM", seed=2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("preset", ["bert", "modernbert", "gpt2", "llama"])
def test_attention_is_torchs_fused_kind(preset: str, tokenizer, tmp_path: Path) -> None:
    kind = "AutoModelForCausalLM" if preset in ("gpt2", "llama") else "AutoModelForMaskedLM"
    fresh = build.build(
        ModelConfig.model_validate({"preset": preset, "size": "tiny"}), tokenizer, kind, seed=1
    )
    fresh.save_pretrained(tmp_path)
    loaded = build.build(ModelConfig(pretrained=str(tmp_path)), tokenizer, kind, seed=1)
    assert {model.config._attn_implementation for model in (fresh, loaded)} == {"sdpa"}


def test_a_checkpoint_comes_back_in_float32_with_a_head_that_follows_the_seed(
    small_model, tokenizer, tmp_path: Path
) -> None:
    made = build.build(small_model, tokenizer, "AutoModelForMaskedLM", seed=1)
    made.half().save_pretrained(tmp_path)
    config = ModelConfig(pretrained=str(tmp_path))
    body = build.build(config, tokenizer, "AutoModelForMaskedLM", seed=9)
    assert body.dtype == torch.float32
    assert torch.allclose(
        body.get_input_embeddings().weight, made.get_input_embeddings().weight.float(), atol=1e-3
    )
    heads = [
        state(build.build(config, tokenizer, "AutoModelForSequenceClassification", seed, num_labels=3))[
            "classifier.weight"
        ]
        for seed in (1, 1, 2)
    ]
    assert heads[0].shape[0] == 3
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_a_tokenizer_larger_than_the_checkpoint_is_refused(small_model, tokenizer, tmp_path: Path) -> None:
    build.build(small_model, tokenizer, "AutoModelForMaskedLM", seed=1).save_pretrained(tmp_path)
    tokenizer.add_tokens(["새로운말"])
    with pytest.raises(DataError, match=r"tokens do not fit the \d+ embeddings .* set tokenizer.pretrained"):
        build.load(tmp_path, tokenizer, "AutoModelForMaskedLM", seed=1)


def test_a_folder_without_a_model_is_one_clear_line(tokenizer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no weights") as caught:
        build.load(tmp_path, tokenizer, "AutoModelForMaskedLM", seed=1)
    assert "\n" not in str(caught.value)


def test_a_sequence_beyond_the_models_positions_names_both_numbers_and_the_field(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"encode.sequence_length: 1024 is beyond the model's 512 positions"
    ):
        ModelConfig().check_length(1024, "encode.sequence_length")
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "xlm-roberta", "max_position_embeddings": 130, "pad_token_id": 1})
    )
    pretrained = ModelConfig(pretrained=str(tmp_path))
    pretrained.check_length(128, "encode.sequence_length")
    with pytest.raises(RecipeError, match="129 is beyond the model's 128 positions"):
        pretrained.check_length(129, "encode.sequence_length")
    ModelConfig(pretrained="some/hub-id").check_length(10_000, "encode.sequence_length")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 100, "heads": 3}, "heads must divide hidden_size: 100 is no multiple of 3"),
        ({"hidden_size": 30, "heads": 2}, "heads need an even width"),
        ({"preset": "gpt5"}, "'gpt2' or 'llama'"),
        ({"preset": "llama", "hidden_size": 30, "heads": 2}, "llama's heads need an even width"),
    ],
)
def test_shapes_that_cannot_be_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig.model_validate(settings)


@pytest.mark.parametrize("preset", ["bert", "modernbert"])
@pytest.mark.parametrize("size", ["tiny", "mini", "small"])
def test_sizes_are_as_documented_and_load_in_plain_transformers(
    preset: str, size: str, tokenizer, tmp_path: Path
) -> None:
    model = build.build(ModelConfig(preset=preset, size=size), tokenizer, "AutoModelForMaskedLM", seed=1)
    documented = {
        "bert": {"tiny": 0.5, "mini": 3.4, "small": 13.2},
        "modernbert": {"tiny": 0.3, "mini": 2.3, "small": 9.2},
    }
    inside = model.num_parameters() - model.get_input_embeddings().weight.numel()
    assert inside / 1e6 == pytest.approx(documented[preset][size], abs=0.1)
    model.save_pretrained(tmp_path)
    ids = tokenizer("강아지가", return_tensors="pt").input_ids
    again = AutoModelForMaskedLM.from_pretrained(tmp_path)
    assert torch.allclose(again(input_ids=ids).logits, model.eval()(input_ids=ids).logits, atol=1e-5)
