"""Demonstrations, put before the prompt that a causal model continues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.backbone.vocabulary_scores import NO_TARGET
from models.prompting import prompts
from models.tokens.special import frame

if TYPE_CHECKING:
    from models.interfaces.asked import Asked
    from models.interfaces.features import Feature


def show(asked: Asked, shown: list[Feature], features: list[Feature], longest: int) -> None:
    """Puts demonstrations, as many as fit, before each prompt.

    Args:
        shown: labelled features of the demonstrations.
        features: of the rows; each is changed.
        longest: tokens of an answer.
    """
    begin, room = frame(asked.tokenizer)[0], prompts.room(asked.model)
    told = [feature["input_ids"][len(begin) :] for feature in shown]
    for feature in features:
        size = max(len(feature["input_ids"]), feature["prompt_length"] + longest)
        kept = [token for ids in prompts.fitted(told, size, room, asked.dropped) for token in ids]
        ids = feature["input_ids"]
        feature["input_ids"] = [*begin, *kept, *ids[len(begin) :]]
        feature["prompt_length"] += len(kept)
        if "targets" in feature:
            feature["targets"] = [NO_TARGET] * len(kept) + feature["targets"]
