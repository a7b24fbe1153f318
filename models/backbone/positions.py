"""Longest sequence that a model can read."""

from __future__ import annotations

from typing import Any

OFFSET_POSITIONS = frozenset({"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl"})
"""Architectures that count positions from `pad_token_id + 1`."""


def positions(config: dict[str, Any]) -> int | None:
    """Longest sequence in tokens of a model with this `config.json`."""
    most = config.get("max_position_embeddings")
    if most is not None and config.get("model_type") in OFFSET_POSITIONS:
        most -= config.get("pad_token_id", 1) + 1
    return most
