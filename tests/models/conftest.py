"""A tokenizer and models small enough to train in a test."""

from collections.abc import Callable, Iterable

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, ModernBertConfig, PretrainedConfig, PreTrainedTokenizerFast

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small models are quickest on one thread."""
    torch.set_num_threads(1)


@pytest.fixture
def make_tokenizer() -> Callable[[Iterable[str]], PreTrainedTokenizerFast]:
    """Trains a small WordPiece tokenizer on texts."""

    def make(texts: Iterable[str]) -> PreTrainedTokenizerFast:
        core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        core.normalizer = normalizers.NFKC()
        core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        core.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIAL))
        core.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B [SEP]",
            special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
        )
        names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
        return PreTrainedTokenizerFast(tokenizer_object=core, **dict(zip(names, SPECIAL, strict=True)))

    return make


def small_config(preset: str, vocabulary: int) -> PretrainedConfig:
    """The configuration of a model of some thousand weights."""
    common = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 128,
        "pad_token_id": 0,
    }
    if preset == "bert":
        return BertConfig(**common)
    ends = {"cls_token_id": 2, "bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3}
    return ModernBertConfig(**common, **ends, global_attn_every_n_layers=1)


@pytest.fixture(params=["bert", "modernbert"])
def make_config(request: pytest.FixtureRequest) -> Callable[[int], PretrainedConfig]:
    """Configuration of a small model for a size of vocabulary, of each architecture."""
    return lambda vocabulary: small_config(request.param, vocabulary)
