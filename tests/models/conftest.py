"""A tokenizer and models small enough to train in a test."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from models.backbone.config import ModelConfig
from models.downstream.classification import Classification
from models.interfaces.transfer import Problem
from models.workplace import Workplace
from tests.support.reviews import BAD, GOOD, THINGS, reviews

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture
def make_tokenizer() -> Callable[[Iterable[str]], PreTrainedTokenizerFast]:
    """Trains a small WordPiece tokenizer on texts."""

    def make(texts: Iterable[str]) -> PreTrainedTokenizerFast:
        core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        core.normalizer = normalizers.NFKC()
        core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        core.decoder = decoders.WordPiece(cleanup=False)
        core.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIAL))
        core.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B [SEP]",
            special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
        )
        names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
        return PreTrainedTokenizerFast(tokenizer_object=core, **dict(zip(names, SPECIAL, strict=True)))

    return make


@pytest.fixture(params=["bert", "modernbert"])
def small_model(request: pytest.FixtureRequest) -> ModelConfig:
    """A model of some ten thousand weights, of each architecture."""
    return ModelConfig(preset=request.param, hidden_size=32, layers=2, heads=2, max_positions=128)


@pytest.fixture
def review_tokenizer(
    make_tokenizer: Callable[[Iterable[str]], PreTrainedTokenizerFast],
) -> PreTrainedTokenizerFast:
    return make_tokenizer([*GOOD, *BAD, *THINGS] * 3)


@pytest.fixture
def make_problem(
    review_tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig
) -> Callable[[Path], Problem]:
    downstream = Classification(classes=("0", "1"))

    def make(folder: Path, count: int = 40) -> Problem:
        review_tokenizer.save_pretrained(folder / "tokenizer")
        train, validation = reviews(count, 1), reviews(16, 2)
        return Problem(
            downstream,
            folder / "tokenizer",
            small_model,
            train,
            validation,
            train.clear(),
            1,
            Workplace("cpu", 1, folder),
            lambda number: train,
        )

    return make
