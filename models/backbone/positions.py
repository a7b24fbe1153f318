"""Longest sequence that a model can read."""

from __future__ import annotations

from typing import Any

OFFSET_POSITIONS = frozenset(
    {
        "roberta",
        "xlm-roberta",
        "camembert",
        "xlm-roberta-xl",
        "roberta-prelayernorm",
        "data2vec-text",
        "xmod",
        "mpnet",
    }
)
"""Architectures that count positions from `pad_token_id + 1`."""
_NAMES = ("max_position_embeddings", "n_positions", "n_ctx")


def positions(config: dict[str, Any]) -> int | None:
    """Longest sequence in tokens of a model with this `config.json`."""
    most = next((config[name] for name in _NAMES if config.get(name)), None)
    if most is not None and config.get("model_type") in OFFSET_POSITIONS:
        most -= config.get("pad_token_id", 1) + 1
    return most
