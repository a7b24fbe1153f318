"""A model with the head of a downstream on it, from pretrained or from random weights."""

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from models.backbone import build
from models.backbone.config import ModelConfig
from models.backbone.positions import positions
from models.errors import DataError
from models.interfaces.downstream import Downstream
from models.memo import MEMO, known


def transferred(
    downstream: Downstream, tokenizer: PreTrainedTokenizerBase, folder: Path, dropout: float, seed: int
) -> PreTrainedModel:
    """The pretrained weights of a folder under the downstream's head; what the folder lacks is drawn from `seed`.

    Raises:
        DataError: tokenizer or input length do not fit the model.
    """
    config = AutoConfig.from_pretrained(folder)
    _check_length(downstream, config)
    settings = _known(_settings(downstream, dropout), config)
    head = (downstream.model_class, json.dumps(settings, sort_keys=True), seed)
    words = len(tokenizer), tokenizer.pad_token_id
    model = MEMO.own(
        ("transferred", known(folder), *head, *words),
        lambda: build.load(folder, tokenizer, downstream.model_class, seed, **settings),
        lambda made: made.get_memory_footprint(),
    )
    downstream.prepare(model)
    return model


def from_scratch(
    downstream: Downstream, tokenizer: PreTrainedTokenizerBase, model: ModelConfig, dropout: float, seed: int
) -> PreTrainedModel:
    """The same architecture and head, every weight drawn from `seed`.

    Raises:
        DataError: the input length does not fit the model.
    """
    settings = _settings(downstream, dropout)
    if model.pretrained is None:
        built = build.build(model, tokenizer, downstream.model_class, seed, **settings)
    else:
        config = AutoConfig.from_pretrained(model.pretrained, trust_remote_code=False)
        for name, value in _known(settings, config).items():
            setattr(config, name, value)
        with build.seeded(seed):
            built = getattr(transformers, downstream.model_class).from_config(config, dtype=torch.float32)
        build.pad(built, tokenizer)
    _check_length(downstream, built.config)
    downstream.prepare(built)
    return built


def load(folder: Path, downstream: Downstream) -> PreTrainedModel:
    """A saved model of a downstream, in float32."""
    try:
        model = getattr(transformers, downstream.model_class).from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True
        )
    except OSError as error:
        raise DataError(f"no model can be read from {folder}: {str(error).splitlines()[0]}") from error
    downstream.prepare(model)
    return model


def _settings(downstream: Downstream, dropout: float) -> dict[str, Any]:
    return {"classifier_dropout": dropout, **downstream.head()}


def _known(settings: dict[str, Any], config: PretrainedConfig) -> dict[str, Any]:
    """The settings that an architecture has, and no dropout but the head's.

    Inside a pretrained model dropout costs a third of the time on a CPU, and small sets of labels gain nothing by it.
    """
    own = config.to_dict()
    inner = {name: 0.0 for name, value in own.items() if "drop" in name and isinstance(value, float)}
    return inner | {name: value for name, value in settings.items() if hasattr(config, name)}


def _check_length(downstream: Downstream, config: PretrainedConfig) -> None:
    most = positions(config.to_dict())
    if most is not None and downstream.max_length > most:
        raise DataError(
            f"downstream.max_length is {downstream.max_length}, but the model has {most} positions: "
            f"set max_length to {most} or less"
        )
