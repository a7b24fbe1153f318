"""How long texts are, in tokens of a vocabulary that is not there yet."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]
"""Canonical rows."""
_HANGUL = re.compile("[가-힣]")


def tokens(text: str) -> int:
    """About how many tokens of a small vocabulary a text has: Hangul says more in a letter."""
    hangul = len(_HANGUL.findall(text))
    return math.ceil(hangul * 0.6 + (len(text) - hangul) * 0.3) + 2


def longest(texts: Iterable[str], share: float = 0.95) -> int:
    """About how many tokens a text has that is longer than this share of them; 0 where there are none."""
    found = sorted(map(tokens, texts))
    return found[min(len(found) - 1, math.floor(share * len(found)))] if found else 0


def whole(rows: Rows, length: int) -> dict[str, int]:
    """Settings with which texts of this length are read whole."""
    return {"max_length": length}
