"""Texts too long for one input, read in windows that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def overlapping(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[Sequence[str]],
    long: int,
    max_length: int,
    most: int,
    stride: int,
) -> Any:
    """Inputs of one text a row, or of two, of which number `long` is read in windows; `overflow_to_sample_mapping` and
    `offset_mapping` say what is whose.

    Args:
        texts: the first of each row, and the second where there are two.
        max_length: tokens of an input.
        most: tokens of the other text; the rest of a longer one is cut off.
        stride: tokens that neighbouring windows share, at most half of the smallest window.
    """
    pair = len(texts) == 2
    least = max_length - tokenizer.num_special_tokens_to_add(pair=pair) - most * pair
    chosen: Any = [list(own) if at == long else cut(tokenizer, own, most) for at, own in enumerate(texts)]
    return tokenizer(
        *chosen,
        truncation="only_second" if long else "only_first",
        max_length=max_length,
        stride=max(0, min(stride, least // 2)),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )


def cut(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], most: int) -> list[str]:
    """Texts of at most `most` tokens each; the end of a word may have more tokens once it is cut, and is cut again."""
    short, long = list(texts), list(range(len(texts)))
    while long:
        made = tokenizer([short[at] for at in long], add_special_tokens=False, return_offsets_mapping=True)
        offsets: Any = made["offset_mapping"]
        ends = {at: tokens[most][0] for at, tokens in zip(long, offsets, strict=True) if len(tokens) > most}
        for at, end in ends.items():
            short[at] = short[at][: min(end, len(short[at]) - 1)]
        long = list(ends)
    return short
