"""What near duplicates are judged by is what comparing every text with every other finds."""

from itertools import combinations

import pytest

from benchmarks import jaccard
from tests.support import near_texts


@pytest.mark.parametrize("threshold", [0.6, 0.9])
def test_pairs_are_those_that_comparing_all_finds(threshold: float) -> None:
    texts = near_texts.families(30, threshold)
    wanted = [
        (one, other)
        for one, other in combinations(range(len(texts)), 2)
        if near_texts.jaccard(texts[one], texts[other]) >= threshold
    ]
    assert len(wanted) > 20
    assert jaccard.pairs(texts, threshold) == wanted
