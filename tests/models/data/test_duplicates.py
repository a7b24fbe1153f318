"""Copies are found, originals are kept, and short texts are only compared exactly."""

import numpy as np
import pytest

from models.data.duplicates import SKETCHED, near, sketches
from tests.support.near_texts import families, jaccard, pairs

LONG = "어제 처음 가 본 국밥집은 맛이 정말 깊고 직원이 아주 친절해서 다음에도 가족이 함께 다시 오고 싶어요."
OTHER = "배송이 느리고 마감이 거칠어서 크게 실망했지만 고객 센터가 빠르게 답해 주어 반품하지 않고 쓰기로 했습니다."


def repeats(texts: list[str], threshold: float = 0.9) -> list[list[int]]:
    made = [(place, sketch) for place, sketch in enumerate(sketches(texts, minimum=40)) if sketch is not None]
    records = np.array([(place, np.frombuffer(sketch, "<u4")) for place, sketch in made], dtype=SKETCHED)
    return near(records, threshold, texts.__getitem__).tolist()


def test_a_long_text_with_one_letter_more_is_a_near_duplicate_and_another_text_is_not() -> None:
    assert repeats([LONG, OTHER, LONG + "!", OTHER + "?"]) == [[2, 0], [3, 1]]


def test_short_texts_that_differ_by_a_letter_are_both_kept() -> None:
    assert repeats(["정말 재미있는 영화", "정말 재미있는 영화!"]) == []


@pytest.mark.parametrize("threshold", [0.55, 0.7, 0.8, 0.9, 0.97])
def test_what_goes_is_what_exact_similarity_says(threshold: float) -> None:
    texts = families(200, threshold)
    gone = repeats(texts, threshold)
    assert all(jaccard(texts[place], texts[of]) >= threshold for place, of in gone)
    removed = {place for place, _ in gone}
    assert removed.isdisjoint(of for _, of in gone)
    alike = [pair for pair in pairs(len(texts)) if jaccard(*(texts[place] for place in pair)) >= threshold]
    assert len(alike) > 200
    assert sum(not removed.isdisjoint(pair) for pair in alike) >= 0.95 * len(alike)
