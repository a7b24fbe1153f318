"""What the tests of retrieval share."""

from collections.abc import Callable

import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch
from models.downstream.retrieval import Retrieval


@pytest.fixture
def tokenizer(make_tokenizer: Callable) -> PreTrainedTokenizerFast:
    return make_tokenizer(
        [*Retrieval().examples()["text"], "query: passage: ", "가 나 다 라 마 바 사 아 자 차"]
    )


@pytest.fixture
def model(tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig) -> PreTrainedModel:
    return from_scratch(Retrieval(), tokenizer, small_model, dropout=0.0, seed=1).eval().requires_grad_(False)
