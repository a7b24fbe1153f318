"""The model inputs of generation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.interfaces.features import Feature

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(kw_only=True)
class Prompt(Feature):
    """A prompt and, where it is labelled, its target after it."""

    prompt_length: int
    """Tokens of the prompt."""
    tokenizer: PreTrainedTokenizerBase
    """What `decode` reads answers with."""
    targets: list[int] | None = None
    """The tokens that are learnt, elsewhere `NO_TARGET`; None: the target is not known."""
