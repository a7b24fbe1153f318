"""What the tests of generation share."""

import pytest
import torch
from tokenizers import decoders
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch
from models.downstream.generation import Generation
from models.inference.inputs import Inputs


@pytest.fixture
def tokenizer(make_tokenizer) -> PreTrainedTokenizerFast:
    rows = Generation().examples()
    made = make_tokenizer([*rows["prompt"], *rows["target"], "정말, 그래요? 네! (아마) 12시"])
    made.backend_tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return made


@pytest.fixture(params=["gpt2", "llama"])
def small(request: pytest.FixtureRequest) -> ModelConfig:
    return ModelConfig(preset=request.param, hidden_size=32, layers=2, heads=2, max_positions=128)


@pytest.fixture
def inputs(tokenizer: PreTrainedTokenizerBase) -> Inputs:
    return Inputs(Generation(max_new_tokens=8), tokenizer, Generation().examples(), labelled=True)


@pytest.fixture
def model(inputs: Inputs, small: ModelConfig) -> PreTrainedModel:
    """Weights far enough from zero that answers differ from prompt to prompt."""
    made = from_scratch(inputs.downstream, inputs.tokenizer, small, dropout=0.0, seed=3)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8.0)
    return made.eval()
