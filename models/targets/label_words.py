"""Classes told by words: a masked model fills a blank, a causal one goes on, and the likeliest class's word wins.

What a model thinks of a word whatever the text is taken off: its score in the same prompt with an empty text (T. Zhao
et al., Calibrate Before Use, ICML 2021; A. Holtzman et al., Surface Form Competition, EMNLP 2021).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.errors import DataError
from models.interfaces.asked import Asked
from models.prompting.likelihood import Blank, filled
from models.prompting.prompts import Cue, fitted, room, tokens
from models.tokens.special import frame, token_id


def scores(
    asked: Asked, cues: Sequence[Cue], empty: Cue, shown: Sequence[str], words: Sequence[Sequence[str]]
) -> np.ndarray:
    """(cues, classes): how much likelier than with an empty text the best word of each class is, in nats a token.

    Args:
        cues: the questions.
        empty: the question on an empty text.
        shown: demonstrations, their blanks filled.
        words: of each class.
    """
    writer = _Writer(asked, shown, [word for of_class in words for word in of_class])
    blanks = [blank for cue in (*cues, empty) for blank in writer.blanks(cue)]
    parts = filled(asked.model, blanks, writer.padding, asked.on_progress)
    each = len(parts) // (len(cues) + 1)
    found = np.stack([writer.in_order(parts[at : at + each]) for at in range(0, len(parts), each)])
    found = found[:-1] - found[-1]
    ends = np.cumsum([len(of_class) for of_class in words])
    return np.stack([part.max(axis=1) for part in np.split(found, ends[:-1], axis=1)], axis=1)


class _Writer:
    """Puts questions and demonstrations into tokens."""

    def __init__(self, asked: Asked, shown: Sequence[str], words: Sequence[str]) -> None:
        self.asked = asked
        self.begin, self.end = frame(asked.tokenizer)
        padding = token_id(asked.tokenizer, "pad")
        self.padding = self.end if padding is None else padding
        self.mask = token_id(asked.tokenizer, "mask")
        self.room = room(asked.model)
        self.shown = [[*ids, self.end] for ids in tokens(asked.tokenizer, shown)]
        self.words = tokens(asked.tokenizer, words)
        for word, ids in zip(words, self.words, strict=True):
            if not ids:
                raise DataError(f"label word '{word}' is no token: give another in label_words")
        sizes = sorted({len(ids) for ids in self.words})
        if asked.decoder:
            self.groups = [[number] for number in range(len(self.words))]
        else:  # words of as many tokens share a forward pass
            self.groups = [
                [number for number, ids in enumerate(self.words) if len(ids) == size] for size in sizes
            ]

    def blanks(self, cue: Cue) -> list[Blank]:
        """One for each group of words."""
        before, after = tokens(self.asked.tokenizer, [cue.before, cue.after])
        longest = max(map(len, self.words))
        before = before[-max(1, self.room - longest - len(after) - 2) :]  # what stands nearest to the blank
        question = len(self.begin) + len(before) + longest + len(after) + 1
        shown = fitted(self.shown, question, self.room, self.asked.dropped)
        start = [*self.begin, *(number for ids in shown for number in ids), *before]
        return [self._blank(start, after, [self.words[number] for number in group]) for group in self.groups]

    def _blank(self, start: list[int], after: list[int], words: list[list[int]]) -> Blank:
        size = len(words[0])
        if not self.asked.decoder:
            assert self.mask is not None, "models that fill blanks have a token for them"
            at = list(range(len(start), len(start) + size))
            return Blank([*start, *[self.mask] * size, *after, self.end], at, words)
        said = [*words[0], *after]
        at = list(range(len(start) - 1, len(start) - 1 + len(said)))
        return Blank([*start, *said], at, [said])

    def in_order(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """(words,) from the results of the groups."""
        found = np.empty(len(self.words))
        for group, part in zip(self.groups, parts, strict=True):
            found[group] = part
        return found
