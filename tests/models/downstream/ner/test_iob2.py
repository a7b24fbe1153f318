"""Labels of characters as IOB2 has them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.characters.places import SLOTS
from models.characters.windows import Window
from models.downstream.ner.iob2 import EDGE, best_labels
from tests.support.ner_rows import NER, entities_of, frame


@given(st.integers(0, 5), st.data())
def test_labels_are_the_best_that_iob2_allows(length: int, data: st.DataObject) -> None:
    table = np.array(data.draw(st.lists(st.floats(-9, 9), min_size=5 * length, max_size=5 * length)))
    table = table.reshape(length, 5)
    blank = np.array(data.draw(st.lists(st.booleans(), min_size=length, max_size=length)), dtype=bool)

    def score(labels: tuple[int, ...]) -> float:
        """What a sequence is worth, -inf where IOB2 does not allow it."""
        total = sum(table[at, label] for at, label in enumerate(labels))
        for at, label in enumerate(labels):
            before, after = (0, *labels)[at], (*labels, 0)[at + 1]
            if label in (2, 4) and before not in (label - 1, label):
                return -np.inf
            ends = label > 0 and not (after in (2, 4) and label in (after - 1, after))
            total -= EDGE * blank[at] * ((label in (1, 3)) + ends)
        return float(total)

    best = max(score(labels) for labels in itertools.product(range(5), repeat=length))
    assert score(tuple(best_labels(table, blank).tolist())) == pytest.approx(best)


def test_an_entity_does_not_take_in_the_space_after_it() -> None:
    text, rows = "서울 은", frame(("서울 은", []))
    feature = Window(
        row=0,
        input_ids=[],
        characters=np.empty((0, SLOTS)),
        labelled=False,
        first=0,
        context=np.full(len(text), 9),
    )
    logits = 6.0 * np.eye(5)[[1, 2, 2, 0]]
    assert entities_of(NER.decode([logits], [feature], rows)) == [[(0, 2, "LC")]]
    assert entities_of(NER.decode([6.0 * np.eye(5)[[1, 2, 2, 2]]], [feature], rows)) == [[(0, 4, "LC")]]
