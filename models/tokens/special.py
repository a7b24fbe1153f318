"""Special tokens of a tokenizer: those that begin and end a text, and those of a soft prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from models.errors import DataError

if TYPE_CHECKING:  # transformers takes seconds to import, and recipes load this module
    from transformers import PreTrainedTokenizerBase


def token_id(
    tokenizer: PreTrainedTokenizerBase, name: Literal["cls", "sep", "mask", "pad", "unk"]
) -> int | None:
    """Id of a special token; None where the tokenizer has none."""
    return getattr(tokenizer, f"{name}_token_id")


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

    Raises:
        DataError: the tokenizer has none.
    """
    found: list[int] = []
    for names, what in ((("cls", "bos"), "begin"), (("sep", "eos"), "end")):
        ids = [getattr(tokenizer, f"{name}_token_id", None) for name in names]
        known = [number for number in ids if number is not None]
        if not known:
            raise DataError(
                f"the tokenizer has no token to {what} a text with ({' or '.join(names)}), which a model has to be "
                "asked with: take another tokenizer"
            )
        found.append(known[0])
    return [found[0], *soft_prompt(tokenizer)], found[1]
