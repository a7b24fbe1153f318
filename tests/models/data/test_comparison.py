"""One normal form, and places in it led back to the text."""

from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.data.comparison import Aligned, as_label, composed, folded, normal_form

TEXTS = st.text(
    st.characters(codec="utf-8") | st.sampled_from("강ㄱㅏㄳ각가각ᄀ́éÅẛ̣ﬁßΣς Ⅷ①ｶﾞㅋ\u3000İ"), max_size=24
)


@given(TEXTS)
@example("ᄀ" + "ᅡ" * 3 + "ᆨ")
def test_twins_have_one_form_and_a_form_is_its_own(text: str) -> None:
    form = normal_form(text)
    assert normal_form(form) == form
    assert {normal_form(normalize(name, text)) for name in ("NFC", "NFD", "NFKC", "NFKD")} == {form}
    assert normal_form(f" {text}\t\n") == form


def test_case_width_and_spaces_are_no_difference() -> None:
    assert normal_form("ＡＢＣ  가\u00a0나\n") == normal_form("abc 가 나") == "abc 가 나"
    assert normal_form("가나") != normal_form("가 나")


@pytest.mark.parametrize("form", [composed, folded])
@given(text=TEXTS, ends=st.tuples(st.integers(0, 24), st.integers(0, 24)))
def test_places_lead_to_the_form_and_back(form, text: str, ends: tuple[int, int]) -> None:
    aligned = Aligned(text, form)
    assert aligned.text == form(text)
    start, end = sorted(min(at, len(text)) for at in ends)
    if start == end:
        return
    low, high = aligned.forth(start, end)
    first, last = aligned.back(low, high)
    assert first <= start < end <= last
    assert form(text[first:last]) == aligned.text[low:high]
    assert Aligned(text, form).forth(first, last) == (low, high)


def test_a_syllable_in_letters_is_one_character() -> None:
    text = normalize("NFD", "서울로 간다")
    aligned = Aligned(text, composed)
    assert aligned.text[slice(*aligned.forth(0, len(normalize("NFD", "서울"))))] == "서울"
    assert text[slice(*aligned.back(0, 2))] == normalize("NFD", "서울")


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (" good\n", "good"), (normalize("NFD", "강"), "강"), (1, "1"), (1.0, "1"), ("-2.00", "-2"), (0.5, "0.5"),
        ("\ufeffgood\u200b", "good"), ("very\u00a0  good", "very good"), (-0.0, "0"), (1e20, "1" + 20 * "0"),
        (True, "true"), ("010", "010"), ("", None), (" ", None), (None, None), (float("nan"), None), ("NaN", None),
        (float("inf"), float("inf")), ([1], [1]), ({"a": 1.0}, {"a": 1.0}),
    ],
)  # fmt: skip
def test_labels_that_look_the_same_are_one(value: object, label: object) -> None:
    assert as_label(value) == label


def test_labels_inside_objects_are_found_by_their_field() -> None:
    assert as_label([{"start": 0, "type": " PS "}, None], "type") == [{"start": 0, "type": "PS"}, None]
