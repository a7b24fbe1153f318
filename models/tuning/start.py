"""What every trial starts from: the model before it learns, and its tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.backbone.config import ModelConfig
from models.interfaces.transfer import Problem
from models.seeds import derive

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Start:
    """A problem with the model that is to solve it."""

    problem: Problem
    tokenizer: PreTrainedTokenizerBase
    model: Callable[[], PreTrainedModel]
    """Makes the model, its head drawn from the problem's seed; the same each time."""


def start_of(problem: Problem, dropout: float) -> Start:
    """The pretrained model under the downstream's head, or one whose every weight is drawn anew.

    Raises:
        DataError: model or tokenizer cannot be read, or do not fit.
    """
    from models.backbone.heads import from_scratch, transferred
    from models.tokens.tokenizer import load_tokenizer

    downstream, seed = problem.downstream, derive(problem.seed, "head")
    tokenizer = load_tokenizer(problem.source)

    def model() -> PreTrainedModel:
        if problem.fresh is None:
            return transferred(downstream, tokenizer, problem.source, dropout, seed)
        return from_scratch(downstream, tokenizer, ModelConfig.model_validate(problem.fresh), dropout, seed)

    return Start(problem, tokenizer, model)
