"""Special tokens of a tokenizer: those that begin and end a text, and those of a soft prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from models.errors import DataError

if TYPE_CHECKING:  # transformers takes seconds to import, and recipes load this module
    from transformers import PreTrainedTokenizerBase


def token_id(
    tokenizer: PreTrainedTokenizerBase, name: Literal["cls", "sep", "mask", "pad", "unk"]
) -> int | None:
    """Id of a special token; None where the tokenizer has none."""
    return getattr(tokenizer, f"{name}_token_id")


def plain_text(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of the ids, without special tokens.

    Those are the ones a tokenizer names. `skip_special_tokens` would also leave out all that its trainer has marked,
    among them pieces of words: WordPiece may be given the letters that continue a word that way.
    """
    special = set(tokenizer.all_special_ids)
    return str(tokenizer.decode([number for number in ids if number not in special])).strip()


SOFT = "[prompt {}]"
"""Tokens of a soft prompt, by their number."""


def soft_prompt(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of the tokens that prompt tuning has added, in their order; most tokenizers have none."""
    fast: Any = tokenizer
    known, found = fast.get_added_vocab(), []
    while (name := SOFT.format(len(found))) in known:
        found.append(known[name])
    return found


def frame(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], int]:
    """Ids of the tokens that begin a text, a soft prompt's among them, and of the one that ends it.

    Where none begins a text, as with Qwen, the one that ended the text before it in pretraining does.

    Raises:
        DataError: the tokenizer has none.
    """
    last = _first_of(tokenizer, "sep", "eos")
    if last is None:
        raise DataError(
            "the tokenizer has no token to end a text with (sep or eos), which a model has to be asked with: take "
            "another tokenizer"
        )
    first = _first_of(tokenizer, "cls", "bos")
    return [last if first is None else first, *soft_prompt(tokenizer)], last


def _first_of(tokenizer: PreTrainedTokenizerBase, *names: str) -> int | None:
    ids = (getattr(tokenizer, f"{name}_token_id", None) for name in names)
    return next((number for number in ids if number is not None), None)
