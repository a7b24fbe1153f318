"""Entities by similarity: each token is of the type whose shown examples its state is nearest to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from models.characters.windows import NOTHING, Window
from models.inference.states import read_once
from models.interfaces.asked import Asked
from models.prompting import prototypes

BEGIN = 1.0
"""How much less likely it is that an entity begins than that it continues, in nats: neighbours of one type are
mostly one entity."""


def logits(asked: Asked, shown: Sequence[Window], features: Sequence[Window], types: int) -> list[np.ndarray]:
    """Logits (characters, 1 + 2 types) in the order of O, B-X, I-X, … for each of `features`.

    Args:
        shown: windows of the demonstrations, from `characters.windows` with labels.
        features: windows of the rows that are asked.
    """
    examples, kinds = [], []
    for state, feature in zip(_states(asked, shown), shown, strict=True):
        first = feature.characters[:, 0]
        known = first >= 0
        examples.append(state[known])
        kinds += ((first[known] + 1) // 2).tolist()
    states = _states(asked, features)
    every = prototypes.logits(np.concatenate(states), np.concatenate(examples), kinds, types + 1)
    characters, start = [], 0
    for state, feature in zip(states, features, strict=True):
        own = every[start : start + len(state)]
        start += len(state)
        tokens, _ = np.nonzero(feature.characters != NOTHING)
        of_characters = own[tokens]
        labels = np.repeat(of_characters[:, 1:], 2, axis=1)
        labels[:, ::2] -= BEGIN
        characters.append(np.hstack([of_characters[:, :1], labels]))
    return characters


def _states(asked: Asked, features: Sequence[Window]) -> list[np.ndarray]:
    """The last state (tokens, width) of each token of each input."""
    states = read_once(asked, features, _last)
    return [state[: len(feature.input_ids)] for state, feature in zip(states, features, strict=True)]


def _last(model: Any, ids: Tensor, mask: Tensor) -> Tensor:
    return model(input_ids=ids, attention_mask=mask).last_hidden_state
