"""Entities told by likeness: each token is of the kind whose shown examples its state is nearest to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from models import prototypes
from models.character_windows import NOTHING
from models.downstream import Asked, Feature, padded
from models.inference import BATCH_SIZE

BEGIN = 1.0
"""How much less likely than going on it is that an entity begins, in nats: neighbours of one type are mostly one."""


def logits(
    asked: Asked, shown: Sequence[Feature], features: Sequence[Feature], types: int
) -> list[np.ndarray]:
    """Logits (characters, 1 + 2 types) in the order of O, B-X, I-X, … for each of `features`.

    Args:
        shown: windows of the demonstrations, from `character_windows.windows` with labels.
        features: windows of the rows that are asked.
    """
    examples, kinds = [], []
    for state, feature in zip(_states(asked, shown), shown, strict=True):
        first = feature["characters"][:, 0]
        known = first >= 0
        examples.append(state[known])
        kinds += ((first[known] + 1) // 2).tolist()
    states = _states(asked, features)
    every = prototypes.logits(np.concatenate(states), np.concatenate(examples), kinds, types + 1)
    found, start = [], 0
    for state, feature in zip(states, features, strict=True):
        own = every[start : start + len(state)]
        start += len(state)
        tokens, _ = np.nonzero(feature["characters"] != NOTHING)
        of_characters = own[tokens]
        labels = np.repeat(of_characters[:, 1:], 2, axis=1)
        labels[:, ::2] -= BEGIN
        found.append(np.hstack([of_characters[:, :1], labels]))
    return found


def _states(asked: Asked, features: Sequence[Feature]) -> list[np.ndarray]:
    """The last state (tokens, width) of each token of each input."""
    found: dict[int, np.ndarray] = {}
    order = sorted(range(len(features)), key=lambda number: len(features[number]["input_ids"]))
    padding: Any = asked.tokenizer.pad_token_id
    model: Any = asked.model.base_model
    with torch.inference_mode():
        for begin in range(0, len(order), BATCH_SIZE):
            chosen = order[begin : begin + BATCH_SIZE]
            ids = [features[number]["input_ids"] for number in chosen]
            mask = padded([[1] * len(item) for item in ids], 0).to(model.device)
            made = model(input_ids=padded(ids, padding).to(model.device), attention_mask=mask)
            for number, state in zip(chosen, made.last_hidden_state.double().cpu().numpy(), strict=True):
                found[number] = state[: len(features[number]["input_ids"])]
            asked.on_progress(len(found), len(order))
    return [found[number] for number in range(len(features))]
