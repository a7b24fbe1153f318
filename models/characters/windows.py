"""Texts as model inputs with labels of characters.

A text too long for one input is read in windows that overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.characters.places import SLOTS, UNSEEN, places
from models.interfaces.features import Feature
from models.late import np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NOTHING = -100
"""In place of a label: there is no such character."""
UNCUT = 1 << 30
"""Tokens between a character and the nearest cut of a text that is not cut."""


@dataclass(kw_only=True)
class Window(Feature):
    """A text, or a piece of one, with the labels of its characters."""

    characters: np.ndarray
    """(tokens, SLOTS) the labels of the characters of its tokens, `UNSEEN` where they are not known and `NOTHING` where
    there is no character."""
    labelled: bool
    first: int
    """The place of its first character in the text."""
    context: np.ndarray
    """(characters,) the tokens between a character and the nearest place where the text is cut."""


def windows(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    labels: Sequence[np.ndarray] | None,
    max_length: int,
    stride: int,
) -> list[Window]:
    """The inputs of each text, in order.

    Args:
        labels: of the characters of each text (characters,); None where they are not known.
        max_length: tokens of an input.
        stride: tokens that neighbouring windows of a text share.
    """
    if not texts:
        return []
    made: Any = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    hidden: Any = tokenizer.mask_token_id
    around = _special_tokens(tokenizer)
    inputs: list[Window] = []
    for row, (text, ids, offsets) in enumerate(
        zip(texts, made["input_ids"], made["offset_mapping"], strict=True)
    ):
        # A text without a token is read as one hidden word.
        tokens = places(text, ids or [hidden], [start for start, _ in offsets] or [0])
        own = None if labels is None else labels[row]
        inputs += _windows(row, tokens, own, around, max_length, stride)
    return inputs


def _windows(
    row: int,
    tokens: tuple[np.ndarray, np.ndarray],
    labels: np.ndarray | None,
    around: tuple[list[int], list[int]],
    max_length: int,
    stride: int,
) -> Iterator[Window]:
    """Inputs of one text; `tokens` are its `places`, `around` the special tokens before and after it."""
    (ids, at_slots), (before, after) = tokens, around
    known = np.full(len(at_slots), UNSEEN) if labels is None else labels
    size = max(1, max_length - len(before) - len(after))
    step = max(1, size - stride)
    for start in range(0, max(1, len(ids) - size + step), step):
        inside = ids[start : start + size]
        low, high = np.searchsorted(at_slots, [start * SLOTS, (start + len(inside)) * SLOTS])
        at = at_slots[low:high] - start * SLOTS
        left = at // SLOTS if start else UNCUT
        right = len(inside) - 1 - at // SLOTS if start + size < len(ids) else UNCUT
        slots = np.full((len(before) + len(inside) + len(after)) * SLOTS, NOTHING)
        slots[len(before) * SLOTS + at] = known[low:high]
        yield Window(
            row=row,
            input_ids=[*before, *inside.tolist(), *after],
            characters=slots.reshape(-1, SLOTS),
            labelled=labels is not None,
            first=int(low),
            context=np.broadcast_to(np.minimum(left, right), at.shape),
        )


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Special tokens before and after a text."""
    made: Any = tokenizer("1", return_special_tokens_mask=True)
    inner = np.flatnonzero(np.array(made["special_tokens_mask"]) == 0)
    return made["input_ids"][: inner[0]], made["input_ids"][inner[-1] + 1 :]


def joined(
    outputs: Sequence[np.ndarray], features: Sequence[Window], texts: Sequence[str], labels: int
) -> list[np.ndarray]:
    """Logits (characters, labels) of each text: a character's are those of the window that shows most around it.

    Args:
        outputs: logits (characters, labels) of each window.
        features: from `windows`.
        labels: how many there are.
    """
    logits = [np.zeros((len(text), labels)) for text in texts]
    contexts = [np.full(len(text), -1) for text in texts]
    for own, feature in zip(outputs, features, strict=True):
        row, context = feature.row, feature.context
        better = np.flatnonzero(context > contexts[row][feature.first :][: len(context)])
        contexts[row][feature.first + better] = context[better]
        logits[row][feature.first + better] = own[better]
    return logits
