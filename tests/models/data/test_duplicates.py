"""Copies are found, originals are kept, and short texts are only compared exactly."""

from hypothesis import given
from hypothesis import strategies as st

from models.data.duplicates import Duplicate, Duplicates

LONG = "어제 처음 가 본 국밥집은 맛이 정말 깊고 직원이 아주 친절해서 다음에도 가족이 함께 다시 오고 싶어요."
OTHER = "배송이 느리고 마감이 거칠어서 크게 실망했지만 고객 센터가 빠르게 답해 주어 반품하지 않고 쓰기로 했습니다."


def test_the_first_of_equal_texts_is_kept_across_batches() -> None:
    seen = Duplicates(exact=True, near=None, minimum=40)
    assert seen.add(["가", "나", "가"], first=0) == [None, None, Duplicate("exact_duplicate", 0)]
    assert seen.add(["다", "나"], first=2) == [None, Duplicate("exact_duplicate", 1)]


def test_a_long_text_with_one_letter_more_is_a_near_duplicate_and_another_text_is_not() -> None:
    seen = Duplicates(exact=True, near=0.9, minimum=40)
    assert seen.add([LONG, OTHER, LONG + "!"], first=0) == [None, None, Duplicate("near_duplicate", 0)]


def test_short_texts_that_differ_by_a_letter_are_both_kept() -> None:
    seen = Duplicates(exact=True, near=0.9, minimum=40)
    assert seen.add(["정말 재미있는 영화", "정말 재미있는 영화!"], first=0) == [None, None]


@given(st.lists(st.text(max_size=3), max_size=30), st.integers(1, 7))
def test_exactly_the_repeats_are_found_however_the_stream_is_cut(texts: list[str], size: int) -> None:
    seen, found, kept = Duplicates(exact=True, near=0.9, minimum=40), [], 0
    for start in range(0, len(texts), size):
        batch = seen.add(texts[start : start + size], first=kept)
        kept += batch.count(None)
        found += batch
    assert [item is not None for item in found] == [text in texts[:index] for index, text in enumerate(texts)]
    originals = list(dict.fromkeys(texts))
    assert all(originals[item.of] == text for text, item in zip(texts, found, strict=True) if item)
