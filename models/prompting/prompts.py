"""Prompts: a text with a blank, and the demonstrations that fit before it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from models.backbone.positions import positions

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_FIELD = re.compile(r"\{(\w+)\}")
LABEL = "label"
"""Field of a template that stands for what is asked."""


def _one_blank(template: str) -> str:
    if _FIELD.findall(template).count(LABEL) != 1:
        raise ValueError(f"a prompt names its blank, {{{LABEL}}}, once; this one is '{template}'")
    return template


Template = Annotated[str, AfterValidator(_one_blank)]
"""A text with the fields of a row in braces, and `{label}` where the answer stands."""


@dataclass(frozen=True)
class Cue:
    """A text with a blank: what stands before and after it."""

    before: str
    after: str

    def with_word(self, word: str) -> str:
        """The text with its blank filled."""
        return f"{self.before} {word}{self.after}"


def fields(template: str) -> set[str]:
    """Names of the fields of a row that a template speaks of."""
    return {*_FIELD.findall(template)} - {LABEL}


def cue(template: str, row: Mapping[str, Any]) -> Cue:
    """A template filled in for a row."""
    before, _, after = template.partition(f"{{{LABEL}}}")
    filled = [_FIELD.sub(lambda match: str(row.get(match[1], "")), part) for part in (before, after)]
    return Cue(filled[0].rstrip(), filled[1])


def tokens(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Ids of each text, without special tokens; long ones are fitted later, so that no warning is due."""
    if not texts:
        return []
    return tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]


def fitted(shown: Sequence[list[int]], asked: int, room: int, dropped: Counter[str]) -> list[list[int]]:
    """The demonstrations that fit before a question of `asked` tokens into `room`, in their order; the others are
    counted in `dropped`, and a question is never cut for one."""
    kept: list[list[int]] = []
    left = room - asked
    for ids in shown:
        if len(ids) <= left:
            kept.append(ids)
            left -= len(ids)
    dropped["demonstrations"] += len(shown) - len(kept)
    return kept


def room(model: PreTrainedModel) -> int:
    """Tokens that a model can read; 512 for one that knows no limit."""
    return positions(model.config.to_dict()) or 512
