"""Labels of characters as IOB2 has them: from entities, and back by the most probable sequence of labels."""

from __future__ import annotations

from collections.abc import Sequence

from models.characters.places import UNSEEN
from models.data.comparison import Aligned
from models.downstream.ner.entities import Entity, entity
from models.late import np

EDGE = 10.0
"""What white space at either end of an entity costs, in nats; published entities have it once in thousands."""


def names(types: Sequence[str]) -> list[str]:
    """IOB2: number 0 is O, odd ones begin an entity and even ones continue it."""
    return ["O", *(f"{mark}-{kind}" for kind in types for mark in "BI")]


def numbers(text: Aligned, entities: Sequence[Entity], types: Sequence[str]) -> np.ndarray:
    """Number of each character's label in `names`; entities of a type no training row has are left out of the loss."""
    labels = np.zeros(len(text.text), dtype=np.int64)
    place = {kind: number for number, kind in enumerate(types)}
    for item in entities:
        number = place.get(item["type"])
        start, end = text.forth(item["start"], item["end"])
        labels[start:end] = UNSEEN if number is None else 2 * number + 2
        labels[start] = UNSEEN if number is None else 2 * number + 1
    return labels


def entities(text: Aligned, logits: np.ndarray, types: Sequence[str]) -> list[Entity]:
    """The entities of one text from its logits (characters, labels).

    Of all sequences of labels that IOB2 allows the most probable one is taken; an entity's probability is the mean over
    its characters.
    """
    scores = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    best = best_labels(scores, np.array([letter.isspace() for letter in text.text], dtype=bool))
    predicted = []
    for begin in np.flatnonzero(best % 2 == 1).tolist():
        following = np.flatnonzero(best[begin + 1 :] != best[begin] + 1)
        end = begin + 1 + int(following[0]) if len(following) else len(best)
        chance = np.exp(scores[np.arange(begin, end), best[begin:end]]).mean()
        predicted.append(entity(*text.back(begin, end), types[int(best[begin]) // 2], float(chance)))
    return predicted


def best_labels(scores: np.ndarray, blank: np.ndarray) -> np.ndarray:
    """The most probable sequence that IOB2 allows: an I follows a B or an I of its type.

    Viterbi's algorithm (Forney, The Viterbi Algorithm, Proceedings of the IEEE 61, 1973). White space is nearly always
    inside of an entity or outside, so that one which begins or ends with it is `EDGE` less likely.

    Args:
        scores: log-probabilities (characters, labels) in the order of O, B-X, I-X, B-Y, I-Y, …
        blank: which characters are white space (characters,).

    Returns:
        A label number for each character (characters,).
    """
    labels = np.arange(scores.shape[1])
    within, begins = labels > 0, labels % 2 == 1
    goes_on = within & ~begins & ((labels[:, None] + 1) // 2 == labels // 2)  # from (rows) to (columns)
    moves = np.where(within & ~begins & ~goes_on, -np.inf, 0.0)
    after_blank = moves - EDGE * (within[:, None] & ~goes_on)
    scores = scores - EDGE * (blank[:, None] & begins)
    back = np.zeros(scores.shape, dtype=np.int64)
    total = np.where(within, -np.inf, 0.0)  # a text begins as after O
    for at, score in enumerate(scores):
        paths = total[:, None] + (after_blank if at and blank[at - 1] else moves)
        back[at] = paths.argmax(axis=0)
        total = paths.max(axis=0) + score
    best = np.zeros(len(scores), dtype=np.int64)
    label = int((total - EDGE * (within & blank[-1:].any())).argmax())
    for at in range(len(scores) - 1, -1, -1):
        best[at], label = label, int(back[at, label])
    return best
