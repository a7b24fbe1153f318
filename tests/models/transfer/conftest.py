"""Problems small enough for a way of transfer to solve in a test."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from transformers import PreTrainedTokenizerFast

from models.backbone import build
from models.backbone.config import DECODERS, ModelConfig
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Problem
from tests.support.ways import problem_of


@pytest.fixture
def make(tmp_path: Path, make_tokenizer: Callable) -> Callable[[Downstream, str], Problem]:
    """A small pretrained model and the examples of a downstream."""

    def problem(downstream: Downstream, preset: str) -> Problem:
        rows = downstream.examples()
        texts = [text for name in rows.columns if rows[name].dtype == pl.String for text in rows[name]]
        tokenizer: PreTrainedTokenizerFast = make_tokenizer(texts * 2)
        folder = tmp_path / preset
        head = "AutoModelForCausalLM" if preset in DECODERS else "AutoModelForMaskedLM"
        config = ModelConfig(preset=preset, hidden_size=32, layers=2, heads=2, max_positions=128)
        build.build(config, tokenizer, head, seed=1).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return problem_of(downstream, folder, tmp_path / "work")

    return problem
