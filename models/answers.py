"""How a predicted answer is compared with a gold one.

The rule of the KorQuAD 1.0 evaluation (evaluate-v1.0.py, https://korquad.github.io/category/1.0_KOR.html).
"""

import string
from collections import Counter

_BLANKED = str.maketrans(dict.fromkeys("'\"<>()《》〈〉‘’", " "))
_DELETED = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """Quotation marks and brackets blanked, in lower case, without ASCII punctuation, white space folded."""
    # In this order: the lower case of a letter can turn on the punctuation beside it.
    return " ".join(text.translate(_BLANKED).lower().translate(_DELETED).split())


def char_f1(predicted: str, gold: str) -> float:
    """F1 of the bags of characters of two answers, `normalised`, without spaces; 0.0 where they share none."""
    first, second = (Counter(normalised(text).replace(" ", "")) for text in (predicted, gold))
    common = (first & second).total()
    return 2 * common / (first.total() + second.total()) if common else 0.0
