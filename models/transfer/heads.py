"""A model with the head of a downstream on it, from pretrained or from random weights."""

from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from models.downstream import Downstream
from models.errors import DataError


def with_head(
    downstream: Downstream,
    tokenizer: PreTrainedTokenizerBase,
    source: Path | PretrainedConfig,
    dropout: float,
    seed: int,
) -> PreTrainedModel:
    """The downstream's model class, in float32: weights from a folder, or all random from a configuration.

    What the folder has no weights for (the head) is drawn from `seed`.

    Raises:
        DataError: tokenizer or input length do not fit the model.
    """
    config = AutoConfig.from_pretrained(source) if isinstance(source, Path) else source
    _check_fit(downstream, tokenizer, config)
    for name, value in {"classifier_dropout": dropout, **downstream.head()}.items():
        if hasattr(config, name):
            setattr(config, name, value)
    auto = getattr(transformers, downstream.model_class)
    torch.manual_seed(seed)
    if isinstance(source, Path):
        return auto.from_pretrained(source, config=config, dtype=torch.float32)
    return auto.from_config(config, dtype=torch.float32)


def load(folder: Path, downstream: Downstream) -> PreTrainedModel:
    """A saved model of a downstream, in float32."""
    return getattr(transformers, downstream.model_class).from_pretrained(folder, dtype=torch.float32)


def _check_fit(downstream: Downstream, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> None:
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and downstream.max_length > positions:
        raise DataError(
            f"downstream.max_length is {downstream.max_length}, but the model has {positions} positions: "
            f"set max_length to {positions} or less"
        )
    if len(tokenizer) > config.vocab_size:
        raise DataError(
            f"the tokenizer has {len(tokenizer):,} tokens, but the model knows {config.vocab_size:,}: "
            "they do not belong together"
        )
