"""No value is bent into another type: what stays itself is taken, the rest is refused with its place."""

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.values import Misfit, column, fitted

ENTITIES = pl.List(pl.Struct({"start": pl.Int64, "end": pl.Int64, "type": pl.String}))
plain = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=5)
anything = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("가", pl.String(), "가"),
        (1, pl.String(), "1"),
        (1.0, pl.String(), "1"),
        (0.5, pl.String(), "0.5"),
        (True, pl.String(), "true"),
        (math.nan, pl.String(), None),
        ("3", pl.Int64(), 3),
        (3.0, pl.Int64(), 3),
        ("3.0", pl.Int64(), 3),
        ("4.25", pl.Float64(), 4.25),
        (".5", pl.Float64(), 0.5),
        ("+05.", pl.Float64(), 5.0),
        (" 1e-3 ", pl.Float64(), 0.001),
        ("true", pl.Boolean(), True),
        (0, pl.Boolean(), False),
        (1.0, pl.Boolean(), True),
        (None, ENTITIES, None),
        (
            [{"start": 0, "end": 2, "type": "PS", "more": {}}],
            ENTITIES,
            [{"start": 0, "end": 2, "type": "PS"}],
        ),
    ],
)
def test_a_value_that_stays_what_it_is_is_taken(value: Any, kind: pl.DataType, expected: Any) -> None:
    assert fitted(value, kind) == expected


@pytest.mark.parametrize(
    ("value", "kind", "place", "reason"),
    [
        ({"bad": 0}, pl.String(), "", "not a text"),
        (["a"], pl.String(), "", "not a text"),
        (math.inf, pl.String(), "", "not a text"),
        (0.9, pl.Int64(), "", "not a whole number"),
        ("1.5", pl.Int64(), "", "not a whole number"),
        ("eins", pl.Int64(), "", "not a whole number"),
        (True, pl.Float64(), "", "not a number"),
        ("inf", pl.Float64(), "", "not a number"),
        ("1_0", pl.Float64(), "", "not a number"),
        (10**400, pl.Float64(), "", "too large"),
        (10**400, pl.Int64(), "", "too large"),
        ("yes", pl.Boolean(), "", "neither true nor false"),
        ("[]", ENTITIES, "", "not a list"),
        ([1], ENTITIES, "", "not an object"),
        ([{"start": 0.7, "end": 2, "type": "PS"}], ENTITIES, "start", "not a whole number"),
        ([{"start": 0, "end": 2, "type": {}}], ENTITIES, "type", "not a text"),
    ],
)
def test_a_value_that_would_become_another_is_refused_with_its_place(
    value: Any, kind: pl.DataType, place: str, reason: str
) -> None:
    with pytest.raises(Misfit) as caught:
        fitted(value, kind)
    assert (caught.value.place, caught.value.reason) == (place, reason)
    assert caught.value.value


@given(
    st.lists(anything, max_size=8),
    st.sampled_from([pl.String(), pl.Int64(), pl.Float64(), pl.Boolean(), ENTITIES]),
)
def test_every_value_fits_is_missing_or_is_refused(values: list[Any], kind: pl.DataType) -> None:
    made, misfits = column(values, kind)
    assert made.dtype == kind and len(made) == len(values)
    for row, value in enumerate(values):
        if row in misfits:
            assert made[row] is None
        elif kind == pl.String and isinstance(value, str):
            assert made[row] == value
        elif kind in (pl.Int64, pl.Float64) and made[row] is not None:
            assert made[row] == (float(value) if isinstance(value, str) else value)
