"""Cleaning keeps what people wrote and takes out what nobody should learn."""

from collections import Counter
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.cleaning import TOKENS, CleanConfig, clean

CONFIG = CleanConfig()
planted = ["010-1234-5678", "01012345678", "02-123-4567", "a.b@c.kr", "900101-1234567", "[전화]"]
entities = ["&amp;", "&am\x00p;", "&lt", "&#0;", "&nbsp;", "&"]
others = ["\u200b", "\r\n", "  ", "\x85", "-", ".", "5", "@", "\ud800", "가", "(", ")"]
pieces = st.text(max_size=12) | st.sampled_from([*planted, *entities, *others])
texts = st.lists(pieces, max_size=8).map("".join)
korean = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=10)


def cleaned(text: str) -> str:
    return clean(text, CONFIG, Counter())


def letters(text: str) -> str:
    return "".join(letter for letter in text if "가" <= letter <= "힣")


@given(texts)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert cleaned(cleaned(text)) == cleaned(text)


@given(texts)
def test_a_cleaned_text_can_be_stored_and_shown(text: str) -> None:
    result = cleaned(text)
    result.encode("utf-8")
    assert result == result.strip()
    assert "  " not in result and "\n\n\n" not in result
    assert not {"\x00", "\x07", "\r", "\t", "\u200b", "\xa0", "\ufeff"} & set(result)


@given(
    st.lists(korean | st.sampled_from([" ", "\n", "\x07", "1988", ",", "&amp;"]), max_size=12).map("".join)
)
def test_every_korean_letter_stays_in_place(text: str) -> None:
    assert letters(cleaned(text)) == letters(text)


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        ("010-1234-5678", "phone"),
        ("010 1234 5678", "phone"),
        ("01012345678", "phone"),
        ("016-123-4567", "phone"),
        ("02-123-4567", "phone"),
        ("(031)123-4567", "phone"),
        ("070-1234-5678", "phone"),
        ("+82-10-1234-5678", "phone"),
        ("hong.gildong+1@mail.example.co.kr", "email"),
        ("900101-1234567", "resident_number"),
        ("900101 - 2******", "resident_number"),
        ("０１０－１２３４－５６７８", "phone"),
        ("010–1234–5678", "phone"),
        ("010\u20111234\u20115678", "phone"),
        ("010 - 1234 - 5678", "phone"),
        ("010\u00a01234\u00a05678", "phone"),
        ("(010)1234-5678", "phone"),
        ("(010) 1234-5678", "phone"),
        ("+82-(0)10-1234-5678", "phone"),
        ("0082 10 1234 5678", "phone"),
        ("(+82) 10-1234-5678", "phone"),
        ("82-10-1234-5678", "phone"),
        (normalize("NFD", "홍길동@예시.한국"), "email"),
        ("+82 (0)2-123-4567", "phone"),
        ("02 - 123 - 4567", "phone"),
        ("+1 415-555-2671", "phone"),
        ("+442071838750", "phone"),
        ("hong＠mail.kr", "email"),
        ("ｈｏｎｇ＠ｍａｉｌ．ｋｒ", "email"),
        ("홍길동@회사.한국", "email"),
        ("홍길동@example.kr", "email"),
        ("９００１０１－１２３４５６７", "resident_number"),
        ("900101—1234567", "resident_number"),
    ],
)
@given(before=korean, after=korean)
def test_planted_personal_data_is_masked_and_counted(secret: str, kind: str, before: str, after: str) -> None:
    masked: Counter[str] = Counter()
    assert clean(f"{before} {secret}{after}", CONFIG, masked) == f"{before} {TOKENS[kind]}{after}"
    assert masked == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "1592-1598년",
        "2019-2020 시즌",
        "2011.02.12",
        "12,900원",
        "1,234,567원",
        "010101",
        "3.141592653589793",
        "9788932917245",
        "1588-1234",
        "12345678-1234567",
        "199999-1234567",
        "30000000000원",
        "평점 10-10-10",
        "2:0 승리",
        "2010-1234-5678",
        "@home",
        "R&D",
        "A&B;C",
    ],
)
def test_ordinary_numbers_and_signs_are_left_alone(text: str) -> None:
    masked: Counter[str] = Counter()
    assert clean(text, CONFIG, masked) == text
    assert not masked


@given(st.integers(1, 999_999_999), st.sampled_from(["원", "년", "명", "%", ""]), st.booleans())
def test_plain_and_grouped_numbers_are_never_masked(number: int, unit: str, grouped: bool) -> None:
    text = (f"{number:,}" if grouped else str(number)) + unit
    assert cleaned(text) == text


def test_entities_line_ends_and_spaces_become_what_they_mean() -> None:
    assert cleaned("좋다&nbsp;&amp;amp;\t 또&#xAC00;\r\n\r\n\r\n끝 \u200b") == "좋다 & 또가\n\n끝"


def test_the_unicode_form_is_left_to_the_tokenizer() -> None:
    assert cleaned("한글 ① ㎏") == "한글 ① ㎏"


def test_what_is_not_asked_for_is_not_done() -> None:
    config = CleanConfig(entities=False, mask=())
    assert clean("&amp; 010-1234-5678", config, Counter()) == "&amp; 010-1234-5678"
