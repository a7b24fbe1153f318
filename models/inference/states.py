"""Hidden states of a pretrained model that has learnt nothing of a downstream."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from models.inference.inputs import Inputs, batches, bearable, outputs
from models.interfaces.asked import Asked
from models.interfaces.downstream import Downstream, F
from models.interfaces.features import Feature, padded
from models.memo import MEMO

Take = Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]
"""From a model, ids and mask (inputs, longest) to one row an input."""


def ask_untrained(asked: Asked, downstream: Downstream[F]) -> tuple[list[F], list[np.ndarray]]:
    """Features and outputs of a pretrained model, its head aside, where those are what `downstream` trains."""
    features = downstream.encode(asked.tokenizer, asked.rows, asked.labelled)
    inputs = Inputs(downstream, asked.tokenizer, asked.rows, asked.labelled, features)
    model: Any = asked.model.base_model
    return features, outputs(model, inputs, on_progress=asked.on_progress)[0]


def read(asked: Asked, features: Sequence[Feature], take: Take) -> list[np.ndarray]:
    """What `take` gives of each input, in their order, from a pretrained model without its head."""
    taken: dict[int, np.ndarray] = {}
    padding: Any = asked.tokenizer.pad_token_id
    model: Any = asked.model.base_model
    with torch.inference_mode():
        for chosen in batches(
            [len(feature.input_ids) for feature in features], padding=bearable(model.device)
        ):
            ids = [features[number].input_ids for number in chosen]
            mask = padded([[1] * len(item) for item in ids], 0).to(model.device)
            made = take(model, padded(ids, padding).to(model.device), mask)
            taken |= zip(chosen, made.double().cpu().numpy(), strict=True)
            asked.on_progress(len(taken), len(features))
    return [taken[number] for number in range(len(features))]


def read_once(asked: Asked, features: Sequence[Feature], take: Take) -> list[np.ndarray]:
    """As `read`, of inputs that were read before, for other demonstrations say, what that gave.

    Args:
        take: known by what it is, so a function of its own.
    """
    if asked.files is None:
        return read(asked, features, take)
    ids = np.array(
        [number for feature in features for number in (len(feature.input_ids), *feature.input_ids)]
    )
    key = ("states", asked.files, take, hashlib.sha256(ids.astype(np.int64).tobytes()).digest())
    return MEMO.once(key, lambda: read(asked, features, take), lambda made: sum(item.nbytes for item in made))
