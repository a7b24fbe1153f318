"""`--set dotted.path=value`: how settings are read; where they go is tested with documents."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.recipe import overrides
from models.errors import RecipeError

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("가나다abc 12.-", max_size=9),
    lambda inner: st.lists(inner, max_size=3),
)


@given(PLAIN)
def test_overrides_are_read_as_what_they_seem(value: Any) -> None:
    assert overrides.parse([f"a.b={json.dumps(value, ensure_ascii=False)}"]) == {"a.b": value}


def test_a_setting_is_read_by_the_rules_of_a_recipe() -> None:
    settings = ["a=2_000", "b=1e-3", "c=", "d=yes", "e=2026-11-26", "f={x: [1, 2]}", "g= a=b"]
    assert overrides.parse(settings) == {
        **{"a": 2000, "b": 0.001, "c": None, "d": "yes", "e": "2026-11-26"},
        **{"f": {"x": [1, 2]}, "g": "a=b"},
    }


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("seed", r"--set seed: write it as dotted\.path=value"),
        ("=1", r"write it as dotted\.path=value"),
        ("a=[1", r"--set a=\[1: not YAML"),
        ("a={b: 1, b: 2}", "'b' stands twice"),
    ],
)
def test_what_is_no_setting_is_refused(setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        overrides.parse([setting])
