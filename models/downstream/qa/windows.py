"""A question with its context as model inputs, and pieces of the context as places of tokens.

A context too long for one input is read in windows that overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.interfaces.features import Feature
from models.late import np
from models.tokens.windows import overlapping

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(kw_only=True)
class Window(Feature):
    """A question and a piece of its context."""

    first: int
    """The place of the context's first token."""
    offsets: np.ndarray
    """(context tokens, 2) the characters of the whole context that these tokens stand for."""
    answer: tuple[int, int] | None = None
    """The places of the answer's first and last token; None: it is not known."""


def windows(
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[str],
    contexts: Sequence[str],
    max_length: int,
    max_question: int,
    stride: int,
) -> list[Window]:
    """The inputs of each question, in order: the question first, then a piece of its context.

    Args:
        max_length: tokens of an input.
        max_question: tokens of a question; the rest of a longer one is cut off.
        stride: context tokens that neighbouring windows share, at most half of the smallest window.
    """
    if not questions:
        return []
    made = overlapping(tokenizer, (questions, contexts), 1, max_length, max_question, stride)
    columns: dict[str, Any] = dict(made)
    names = [name for name in ("input_ids", "token_type_ids") if name in columns]
    owners: list[int] = columns["overflow_to_sample_mapping"]
    features = []
    for number, row in enumerate(owners):
        places = [place for place, text in enumerate(made.sequence_ids(number)) if text == 1]
        offsets = columns["offset_mapping"][number]
        bare = [_bare(contexts[row], *offsets[place]) for place in places]
        features.append(
            Window(
                row=row,
                **{name: columns[name][number] for name in names},
                first=places[0] if places else 0,
                offsets=np.array(bare, dtype=np.int64).reshape(-1, 2),
            )
        )
    return features


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """A token's characters without the space before them, which sentencepiece takes for the token's."""
    return end - len(text[start:end].lstrip()), end


def label(
    features: Sequence[Window], contexts: Sequence[str], answers: Sequence[Sequence[dict[str, Any]]]
) -> None:
    """Sets the `answer` of each feature: that to the first answer the window has the whole of, and 0, the place of a
    special token, twice where it has none.

    Args:
        features: from `windows`.
        answers: `{start, text}` of each row, in the order of their worth.
    """
    for number, feature in enumerate(features):
        row, offsets = feature.row, feature.offsets
        places = (0, 0)
        if len(offsets):
            # What no token stands for at either end of a context is of its first or last window.
            begins = number == 0 or features[number - 1].row != row
            ends = number + 1 == len(features) or features[number + 1].row != row
            low = 0 if begins else offsets[0, 0]
            high = len(contexts[row]) if ends else offsets[-1, 1]
            for answer in answers[row]:
                start, end = answer["start"], answer["start"] + len(answer["text"])
                inside = np.flatnonzero((offsets[:, 1] > start) & (offsets[:, 0] < end))
                if low <= start and end <= high and len(inside):
                    places = (feature.first + int(inside[0]), feature.first + int(inside[-1]))
                    break
        feature.answer = places


def best_spans(
    outputs: Sequence[np.ndarray], features: Sequence[Window], rows: int, longest: int
) -> tuple[list[tuple[float, int, int, float]], np.ndarray]:
    """The best piece of each row's windows, as `best_span` has it, and what no answer weighs (rows,): as much as the
    first token of an input, in the window that is least sure of it."""
    best, none = [(-np.inf, 0, 0, 0.0)] * rows, np.full(rows, np.inf)
    for logits, feature in zip(outputs, features, strict=True):
        span = best_span(logits, feature.first, feature.offsets, longest)
        best[feature.row] = max(best[feature.row], span, key=lambda item: item[0])
        none[feature.row] = min(none[feature.row], logits[0].sum())
    return best, none


def best_span(
    logits: np.ndarray, first: int, offsets: np.ndarray, longest: int
) -> tuple[float, int, int, float]:
    """The piece of a window's context with the highest sum of start and end logit.

    Args:
        logits: of start and end (tokens, 2).
        first: place of the context's first token.
        offsets: characters of the context's tokens (context tokens, 2).
        longest: characters the piece may have.

    Returns:
        The sum, or -inf where no piece is short enough; start and end (characters, half-open); and the probability of
        its start times that of its end among all tokens of the window.
    """
    count = len(offsets)
    inside = logits[first : first + count]
    lengths = offsets[None, :, 1] - offsets[:, None, 0]
    allowed = np.triu((lengths > 0) & (lengths <= longest))
    if not allowed.any():
        return -np.inf, 0, 0, 0.0
    sums = np.where(allowed, inside[:, None, 0] + inside[None, :, 1], -np.inf)
    start, end = divmod(int(sums.argmax()), count)
    peak = logits.max(axis=0)
    chances = np.exp(inside[[start, end], [0, 1]] - peak) / np.exp(logits - peak).sum(axis=0)
    return float(sums[start, end]), int(offsets[start, 0]), int(offsets[end, 1]), float(chances.prod())
