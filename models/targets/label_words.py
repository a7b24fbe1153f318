"""Classes by label words: a masked model fills a blank, a causal one continues the text, and the likeliest word wins.

The score of a word in the same prompt with an empty text is subtracted: a model prefers some words in any text (T. Zhao
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
    """(cues, classes): how much likelier the best word of each class is than with an empty text, in nats per token.

    Args:
        cues: the questions.
        empty: the question on an empty text.
        shown: demonstrations, their blanks filled.
        words: of each class.
    """
    writer = _Writer(asked, shown, [word for of_class in words for word in of_class])
    blanks = writer.blanks([*cues, empty])
    parts = filled(asked.model, blanks, writer.padding, asked.on_progress)
    each = len(parts) // (len(cues) + 1)
    likelihoods = np.stack([writer.in_order(parts[at : at + each]) for at in range(0, len(parts), each)])
    likelihoods = likelihoods[:-1] - likelihoods[-1]
    ends = np.cumsum([len(of_class) for of_class in words])
    return np.stack([part.max(axis=1) for part in np.split(likelihoods, ends[:-1], axis=1)], axis=1)


class _Writer:
    """Writes questions and demonstrations as tokens."""

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

    def blanks(self, cues: Sequence[Cue]) -> list[Blank]:
        """Of each question one for each group of words."""
        parts = tokens(self.asked.tokenizer, [part for cue in cues for part in (cue.before, cue.after)])
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return [blank for before, after in pairs for blank in self._of(before, after)]

    def _of(self, before: list[int], after: list[int]) -> list[Blank]:
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
        ordered = np.empty(len(self.words))
        for group, part in zip(self.groups, parts, strict=True):
            ordered[group] = part
        return ordered
