"""The piece of a context that a causal model finds likeliest as the answer, before it has learnt the downstream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from models.prompting import prompts
from models.prompting.likelihood import continued
from models.tokens.special import frame

SURE = 20.0
"""Logit of a piece that is certain."""

if TYPE_CHECKING:
    from models.downstream.qa.windows import Window
    from models.interfaces.asked import Asked


def spans(
    asked: Asked, features: list[Window], contexts: Sequence[str], longest_answer: int, unanswerable: bool
) -> tuple[list[Window], list[np.ndarray]]:
    """Which piece of the context, of whole words, the model most likely continues with.

    Outputs are logits of each window's tokens that point to the best piece alone, the higher the likelier it is; and to
    the input's first token, the likelier it is that the model says nothing.

    Args:
        features: windows of the rows, from `windows.windows`.
        contexts: of the rows, as the windows have them.
        longest_answer: characters of an answer.
        unanswerable: whether the model may say nothing.
    """
    end = frame(asked.tokenizer)[1]
    shown = [_example(asked, row, end) for row in asked.demonstrations.iter_rows(named=True)]
    questions = asked.rows["question"].to_list()
    outputs = []
    for number, feature in enumerate(features):
        question, context = questions[feature.row], contexts[feature.row]
        offsets = feature.offsets
        pieces = _pieces(context, offsets, longest_answer)
        logits = np.zeros((len(feature.input_ids), 2))
        if pieces:
            texts = [context[offsets[first][0] : offsets[last][1]] for first, last in pieces]
            window = context[offsets[0][0] : offsets[-1][1]]
            scores = _said(asked, shown, window, question, texts + [""] * unanswerable)
            best = int(scores[: len(pieces)].argmax())
            chance = np.exp(scores[best] - np.logaddexp.reduce(scores[: len(pieces)]))
            first, last = (feature.first + place for place in pieces[best])
            sure = SURE + np.log(max(chance, 1e-9))
            # What tells windows, and an answer from none, apart is how likely they are.
            logits[first, 0] = logits[last, 1] = sure + scores[best] / 2
            if unanswerable:
                logits[0] = sure + scores[-1] / 2
        outputs.append(logits)
        asked.on_progress(number + 1, len(features))
    return features, outputs


def _said(
    asked: Asked, shown: list[list[int]], context: str, question: str, answers: list[str]
) -> np.ndarray:
    """Mean log-probability of a token of each answer, after demonstrations, the context and the question."""
    begin, end = frame(asked.tokenizer)
    said = [[*ids, end] for ids in prompts.tokens(asked.tokenizer, answers)]
    longest = max(map(len, said))
    told, asks = prompts.tokens(asked.tokenizer, [context, question])
    room = prompts.room(asked.model)
    told = told[: max(1, room - longest - len(asks) - len(begin) - 2)]
    own = [*told, end, *asks, end]
    before = prompts.fitted(shown, len(begin) + len(own) + longest, room, asked.dropped)
    prefix = [*begin, *(token for ids in before for token in ids), *own]
    return continued(asked.model, prefix, said) / [len(ids) for ids in said]


def _example(asked: Asked, row: dict[str, Any], end: int) -> list[int]:
    answer = next((answer["text"] for answer in row["answers"]), "")
    parts = prompts.tokens(asked.tokenizer, [row["context"], row["question"], answer])
    return [token for ids in parts for token in (*ids, end)]


def _pieces(context: str, offsets: np.ndarray, longest: int, most_words: int = 4) -> list[tuple[int, int]]:
    """First and last token of every piece of up to `most_words` whole words, and of these without a word's last token,
    which in Korean is often a particle."""
    starts = [
        at for at, (begin, _) in enumerate(offsets) if at == 0 or begin == 0 or context[begin - 1].isspace()
    ]
    ends = [at - 1 for at in starts[1:]] + [len(offsets) - 1]
    pieces = set()
    for word, first in enumerate(starts):
        for last in ends[word : word + most_words]:
            for stop in (last, last - 1):
                if stop >= first and offsets[stop][1] - offsets[first][0] <= longest:
                    pieces.add((first, stop))
    return sorted(pieces)
