"""Models under the head of a downstream: what is carried over, and what is drawn anew."""

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from models.backbone import build
from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch, transferred
from models.downstream.classification import Classification
from models.errors import DataError


def test_an_input_longer_than_the_model_is_refused(
    review_tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig
) -> None:
    downstream = Classification(classes=("0", "1"), max_length=512)
    with pytest.raises(DataError, match="max_length is 512, but the model has 128 positions"):
        from_scratch(downstream, review_tokenizer, small_model, dropout=0.0, seed=1)


def test_pretrained_weights_are_carried_over_and_only_the_head_is_new(
    review_tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig, tmp_path: Path
) -> None:
    pretrained = build.build(small_model, review_tokenizer, "AutoModelForMaskedLM", seed=7)
    pretrained.save_pretrained(tmp_path)
    model = transferred(
        Classification(classes=("a", "b", "c")), review_tokenizer, tmp_path, dropout=0.2, seed=1
    )
    for name, tensor in pretrained.base_model.state_dict().items():
        assert torch.equal(model.base_model.state_dict()[name], tensor), name
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert model.config.classifier_dropout == 0.2
    again = transferred(
        Classification(classes=("a", "b", "c")), review_tokenizer, tmp_path, dropout=0.2, seed=1
    )
    assert all(
        torch.equal(one, other) for one, other in zip(model.parameters(), again.parameters(), strict=True)
    )


def test_scratch_of_a_given_model_shares_its_architecture_but_no_weight(
    review_tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig, tmp_path: Path
) -> None:
    downstream = Classification(classes=("0", "1"))
    pretrained = build.build(small_model, review_tokenizer, "AutoModelForMaskedLM", seed=7)
    pretrained.save_pretrained(tmp_path)
    scratch = from_scratch(
        downstream, review_tokenizer, ModelConfig(pretrained=str(tmp_path)), dropout=0.0, seed=1
    )
    mine, theirs = scratch.base_model.state_dict(), pretrained.base_model.state_dict()
    assert {name: item.shape for name, item in theirs.items()}.items() <= {
        name: item.shape for name, item in mine.items()
    }.items()
    embeddings = [model.get_input_embeddings().weight for model in (scratch, pretrained)]
    assert not torch.equal(*embeddings)


def test_a_tokenizer_of_another_model_is_refused(
    review_tokenizer: PreTrainedTokenizerFast, make_tokenizer, small_model: ModelConfig, tmp_path: Path
) -> None:
    build.build(small_model, make_tokenizer(["짧은 글"]), "AutoModelForMaskedLM", seed=7).save_pretrained(
        tmp_path
    )
    with pytest.raises(DataError, match="do not fit"):
        transferred(Classification(classes=("0", "1")), review_tokenizer, tmp_path, dropout=0.0, seed=1)
