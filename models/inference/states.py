"""What a pretrained model makes of texts, before it has learnt anything of a downstream."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from models.inference.inputs import BATCH_SIZE, Inputs, outputs
from models.interfaces.asked import Asked
from models.interfaces.downstream import Downstream
from models.interfaces.features import Feature, padded

Take = Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]
"""From a model, ids and mask (inputs, longest) to one row an input."""


def ask_untrained(asked: Asked, downstream: Downstream) -> tuple[list[Feature], list[np.ndarray]]:
    """Outputs of a pretrained model, its head aside, where those are what `downstream` trains."""
    inputs = Inputs(downstream, asked.tokenizer, asked.rows, asked.labelled)
    model: Any = asked.model.base_model
    return inputs.features, outputs(model, inputs, on_progress=asked.on_progress)[0]


def read(asked: Asked, features: Sequence[Feature], take: Take) -> list[np.ndarray]:
    """What `take` gives of each input, in their order, from a pretrained model without its head."""
    found: dict[int, np.ndarray] = {}
    order = sorted(range(len(features)), key=lambda number: len(features[number]["input_ids"]))
    padding: Any = asked.tokenizer.pad_token_id
    model: Any = asked.model.base_model
    with torch.inference_mode():
        for begin in range(0, len(order), BATCH_SIZE):
            chosen = order[begin : begin + BATCH_SIZE]
            ids = [features[number]["input_ids"] for number in chosen]
            mask = padded([[1] * len(item) for item in ids], 0).to(model.device)
            made = take(model, padded(ids, padding).to(model.device), mask)
            found |= zip(chosen, made.double().cpu().numpy(), strict=True)
            asked.on_progress(len(found), len(order))
    return [found[number] for number in range(len(features))]
