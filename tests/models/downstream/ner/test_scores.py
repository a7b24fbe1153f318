"""Entities are scored as seqeval does."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from tests.support.ner_rows import NER, frame, predicted, spans


def tags(length: int, entities: list[tuple[int, int, str]]) -> list[str]:
    found = ["O"] * length
    for start, end, kind in entities:
        found[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
    return found


both = st.integers(1, 12).flatmap(lambda length: st.tuples(st.just(length), spans(length), spans(length)))


@given(st.lists(both, min_size=1, max_size=5))
def test_f1_is_that_of_seqeval(drawn: list[Any]) -> None:
    rows = frame(*[("가" * length, gold) for length, gold, _ in drawn])
    got = NER.evaluate(rows, predicted(rows, [guess for *_, guess in drawn]))
    wanted = [[tags(length, item[at]) for length, *item in drawn] for at in (0, 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns of types with neither gold nor prediction
        assert got["entity_f1"] == pytest.approx(f1_score(*wanted, mode="strict", scheme=IOB2))
        for kind in ("LC", "PS"):
            only = [[[tag if tag[2:] == kind else "O" for tag in row] for row in side] for side in wanted]
            theirs = f1_score(*only, mode="strict", scheme=IOB2)
            assert got[f"entity_f1/{kind}"] == pytest.approx(theirs)


def test_a_type_that_does_not_occur_has_0_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = NER.metrics(np.zeros((1000, 9)))
    assert all(value.shape == (1000,) and not value.any() for value in values.values())
    assert set(values) == {"entity_f1", "entity_f1/LC", "entity_f1/PS"}


def test_details_show_what_is_wrong() -> None:
    rows = frame(("서울의 지우", [(0, 2, "LC"), (4, 6, "PS")]), ("간다", []))
    details = NER.details(rows, predicted(rows, [[(0, 3, "LC"), (4, 6, "PS")], []]))
    assert details["per_type"]["LC"] == {"right": 0, "predicted": 1, "gold": 1}
    assert details["per_type"]["PS"] == {"right": 1, "predicted": 1, "gold": 1}
    assert details["worst"] == [
        {
            "id": "0",
            "text": "서울의 지우",
            "gold": "서울:LC 0–2, 지우:PS 4–6",
            "predicted": "서울의:LC 0–3, 지우:PS 4–6",
            "wrong": 2,
        }
    ]
