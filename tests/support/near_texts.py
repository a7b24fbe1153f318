"""Texts that are about as similar as wanted, and how similar they are."""

import random
from itertools import combinations

COPIES = 4
"""Variants of a text, itself among them."""
SHINGLE = 5


def families(number: int, threshold: float) -> list[str]:
    """Texts of words that hardly two of them share, each with variants about as similar as the threshold."""
    draw = random.Random(1)
    made = []
    for _ in range(number):
        words = [word(draw) for _ in range(draw.randint(20, 100))]
        made.append(" ".join(words))
        for _ in range(COPIES - 1):
            changed = round(len(words) * draw.uniform(0, 2 * (1 - threshold) / (1 + threshold)))
            at = draw.randint(0, len(words) - changed)
            made.append(
                " ".join([*words[:at], *(word(draw) for _ in range(changed)), *words[at + changed :]])
            )
    return made


def word(draw: random.Random) -> str:
    return "".join(chr(draw.randint(ord("가"), ord("힣"))) for _ in range(draw.randint(1, 4)))


def pairs(number: int) -> list[tuple[int, int]]:
    """All pairs of variants of one text."""
    starts = range(0, number, COPIES)
    return [pair for start in starts for pair in combinations(range(start, start + COPIES), 2)]


def jaccard(one: str, other: str) -> float:
    first, second = (
        {text[at : at + SHINGLE] for at in range(len(text) - SHINGLE + 1)} for text in (one, other)
    )
    return len(first & second) / len(first | second)
