"""Where the label of each character of a text stands in a model that reads tokens."""

from __future__ import annotations

from collections.abc import Sequence

from models.late import np

SLOTS = 8
"""Characters a token can have labels for; one with more is read again for the next so many."""
UNSEEN = -1
"""In place of a label: it is not known, or no training row has it."""


def places(text: str, ids: Sequence[int], starts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (tokens,), those with many characters repeated, and the place of each character in (tokens * SLOTS,).

    A character belongs to the last token that starts at it or before: of several tokens for one character, or after a
    token for the space that sentencepiece puts in front of a text, that is the one that stands for it.
    """
    solid = np.array([at for at, letter in enumerate(text) if not letter.isspace()], dtype=np.int64)
    token = np.searchsorted(np.maximum.accumulate(starts), solid, side="right") - 1
    known = np.searchsorted(solid, np.arange(len(text)), side="right")
    owner = np.maximum(np.append(-1, token), 0)[np.where(known, known, min(1, len(solid)))]
    rank = np.arange(len(text)) - np.searchsorted(owner, owner)
    repeats = np.maximum(1, -(-np.bincount(owner, minlength=len(ids)) // SLOTS))
    begin = np.cumsum(repeats) - repeats
    return np.repeat(np.asarray(ids, dtype=np.int64), repeats), begin[owner] * SLOTS + rank
