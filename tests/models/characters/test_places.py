"""Where the label of each character stands."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.characters.places import SLOTS, places


def test_a_character_belongs_to_the_last_token_that_starts_at_it_or_before() -> None:
    ids, at = places("서울은 봄", [11, 12, 13], [0, 2, 4])
    assert ids.tolist() == [11, 12, 13]
    assert at.tolist() == [0, 1, SLOTS, SLOTS + 1, 2 * SLOTS]  # white space goes with the token before it


def test_a_token_with_too_many_characters_is_read_again() -> None:
    ids, at = places("가" * (SLOTS + 3), [5], [0])
    assert ids.tolist() == [5, 5]
    assert at.tolist() == list(range(SLOTS + 3))


@given(st.text(st.sampled_from("가나 \t다"), min_size=1, max_size=40), st.data())
def test_every_character_has_a_place_of_its_own_in_the_order_of_the_text(
    text: str, data: st.DataObject
) -> None:
    starts = sorted({0, *data.draw(st.lists(st.integers(0, len(text) - 1), max_size=8))})
    ids, at = places(text, list(range(len(starts))), starts)
    assert len(at) == len(text)
    assert (np.diff(at) > 0).all() and at[-1] < len(ids) * SLOTS
