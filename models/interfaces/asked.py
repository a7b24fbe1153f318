"""A pretrained model that is asked without learning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.errors import DataError
from models.late import pl

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


IN_CONTEXT = ("zero_shot", "one_shot", "few_shot")
"""Modes in which a downstream asks a model, and no weight is updated."""


class NotInContext(DataError):
    """There is no way to ask without learning."""


@dataclass(frozen=True)
class Asked:
    """A pretrained model, and what it is asked without learning."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    decoder: bool
    """Whether it reads from left to right and can continue a text; else it gives vectors, and fills in masked words
    where it has a head for that."""
    rows: pl.DataFrame
    demonstrations: pl.DataFrame
    """Labelled rows that it is shown; none at zero shot."""
    labelled: bool
    on_progress: Callable[[int, int], None] = lambda done, total: None
    dropped: Counter[str] = field(default_factory=Counter)
    """How many demonstrations did not fit into the model beside the question, in all inputs."""
    files: Hashable = None
    """What tells the files of the model from those of others; None: nothing that it says is kept."""
