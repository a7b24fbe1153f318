"""Texts without their spaces: where these stood, and how a tokenizer reads what is left of the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from models import characters
from models.characters import SLOTS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NOTHING, UNKNOWN = -100, -1
"""In place of whether a space follows: no character is there, or another window's; nobody says."""


def unspaced(text: str) -> str:
    """A text without its white space."""
    return "".join(text.split())


def spaced(letters: str, after: Iterable[Any]) -> str:
    """A text from its letters and whether a space stands after each; none ends it."""
    return "".join(letter + " " * bool(space) for letter, space in zip(letters, after, strict=True)).rstrip(
        " "
    )


def words(text: str) -> list[tuple[int, int]]:
    """Start and end of each word (half-open) among the letters that `unspaced` leaves."""
    sizes = np.array([len(word) for word in text.split()], dtype=np.int64)
    ends = np.cumsum(sizes)
    return list(zip((ends - sizes).tolist(), ends.tolist(), strict=True))


def spaces(text: str) -> np.ndarray:
    """1 for each letter of `unspaced` that a space stands after, and 0 for the others (letters,)."""
    found = np.zeros(len(unspaced(text)), dtype=np.int64)
    found[[end - 1 for _, end in words(text)[:-1]]] = 1
    return found


def windows(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int, labelled: bool
) -> Iterator[dict[str, Any]]:
    """The inputs of each text without its spaces, in order.

    Each has `row`, the place of its text; `input_ids`, `max_length` of them at most; and `spaces` (tokens, SLOTS):
    what `spaces` says of each character of a token. Each character has a slot in one window of its text; the tokens
    at the edge of a window that are another's are there to be read only.
    """
    if not texts:
        return
    before, after = _frame(tokenizer)
    size = max(1, max_length - len(before) - len(after))
    hidden: Any = tokenizer.pad_token_id if tokenizer.mask_token_id is None else tokenizer.mask_token_id
    bare = [unspaced(text) for text in texts]
    for row, (ids, starts) in enumerate(_tokens(tokenizer, bare)):
        # A text without a token is read as one hidden word.
        tokens, places = characters.places(bare[row], ids or [hidden], starts or [0])
        flat = np.full(len(tokens) * SLOTS, NOTHING)
        flat[places] = spaces(texts[row]) if labelled else UNKNOWN
        margin = size // 8 if len(tokens) > size else 0
        for start in range(0, len(tokens), size - 2 * margin):
            low, end = max(0, start - margin), start + size - 2 * margin
            slots = flat.reshape(-1, SLOTS)[low : end + margin].copy()
            slots[: start - low], slots[end - low :] = NOTHING, NOTHING
            yield {
                "row": row,
                "input_ids": [*before, *tokens[low : end + margin].tolist(), *after],
                "spaces": np.pad(slots, ((len(before), len(after)), (0, 0)), constant_values=NOTHING),
            }


def _tokens(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[tuple[list[int], list[int]]]:
    """Ids of the tokens of each text, and where they start.

    Without spaces a text may be one long word, and WordPiece makes one unknown token of a word of more than 100 letters
    or with a letter it does not know. So a text with an unknown token is read in halves, down to that letter.
    """
    made: Any = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    found = []
    for text, ids, offsets in zip(texts, made["input_ids"], made["offset_mapping"], strict=True):
        if tokenizer.unk_token_id in ids and len(text) > 1:
            half = len(text) // 2
            (ids, starts), (others, then) = _tokens(tokenizer, [text[:half], text[half:]])
            found.append((ids + others, [*starts, *(half + start for start in then)]))
        else:
            found.append((ids, [start for start, _ in offsets]))
    return found


def _frame(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Special tokens before and after a text."""
    made: Any = tokenizer("1", return_special_tokens_mask=True)
    inner = np.flatnonzero(np.array(made["special_tokens_mask"]) == 0)
    return made["input_ids"][: inner[0]], made["input_ids"][inner[-1] + 1 :]
