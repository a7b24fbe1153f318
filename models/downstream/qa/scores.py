"""How a predicted answer is compared with gold ones, and what a reader sees of the errors.

The rule of the KorQuAD 1.0 evaluation (evaluate-v1.0.py, https://korquad.github.io/category/1.0_KOR.html), on the
normal form of both texts.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from models.data.comparison import normal_form
from models.interfaces.features import beside

AROUND = 30
"""Characters of the context shown on each side of a gold answer."""
WORST = 20
"""Wrong answers shown, the most confident first."""
_BLANKED = str.maketrans(dict.fromkeys("'\"<>()《》〈〉‘’", " "))
_DELETED = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """The normal form, quotation marks and brackets blanked, without ASCII punctuation, white space folded."""
    return " ".join(normal_form(text).translate(_BLANKED).translate(_DELETED).split())


def char_f1(predicted: str, gold: str) -> float:
    """F1 of the bags of characters of two answers, `normalised`, without spaces; 0.0 where they share none."""
    first, second = (Counter(normalised(text).replace(" ", "")) for text in (predicted, gold))
    common = (first & second).total()
    return 2 * common / (first.total() + second.total()) if common else 0.0


def scores(predicted: Iterable[str], gold: pl.Series) -> np.ndarray:
    """Whether each answer is exact, its F1, and 1 (answers, 3); of several gold ones the best counts."""
    scored = []
    for answer, answers in zip(predicted, gold.to_list(), strict=True):
        texts = [item["text"] for item in answers]
        exact = any(normalised(answer) == normalised(text) for text in texts)
        scored.append((float(exact), max(char_f1(answer, text) for text in texts), 1.0))
    return np.array(scored, dtype=np.float64).reshape(-1, 3)


def worst(rows: pl.DataFrame, predictions: pl.DataFrame) -> list[dict[str, Any]]:
    """The answers that are not exact with the highest probability, with the context around gold."""
    rows = beside(predictions, rows)
    answered = rows.with_columns(
        predicted=predictions["answer"],
        probability=predictions["probability"],
        exact=scores(predictions["answer"], rows["answers"])[:, 0],
    )
    wrong = answered.filter(pl.col("exact") == 0).sort("probability", "id", descending=[True, False])
    names = [name for name in ("id", "file", "line", "question") if name in answered.columns]
    shown = []
    for row in wrong.head(WORST).iter_rows(named=True):
        gold = list(dict.fromkeys(answer["text"] for answer in row["answers"]))
        shown.append(
            {name: row[name] for name in names}
            | {"gold": " / ".join(gold), "predicted": row["predicted"], "probability": row["probability"]}
            | {"around": _around(row["context"], **row["answers"][0])}
        )
    return shown


def _around(context: str, start: int, text: str) -> str:
    """A piece of the context with an answer in it."""
    low, high = max(0, start - AROUND), start + len(text) + AROUND
    return "…" * (low > 0) + " ".join(context[low:high].split()) + "…" * (high < len(context))
