"""How a predicted answer is compared with gold ones, and what a reader sees of the errors.

The published rules, on the normal form of both texts: KorQuAD 1.0's (evaluate-v1.0.py, https://korquad.github.io/category/1.0_KOR.html),
F1 of characters, and SQuAD's (https://rajpurkar.github.io/SQuAD-explorer/), F1 of words without articles. Of a question
without an answer both scores are 1 where none is predicted, else 0, as in SQuAD 2.0.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from models.data.comparison import normal_form
from models.interfaces.features import beside
from models.late import np, pl

Rule = Literal["korquad", "squad"]
F1 = {"korquad": "char_f1", "squad": "word_f1"}
"""What the F1 of a rule is called."""
KINDS = ("has_answer", "no_answer")
"""Questions with an answer and without: names of metrics and classes."""
AROUND = 30
"""Characters of the context shown on each side of a gold answer."""
WORST = 20
"""Wrong answers shown, the most confident first."""
_BLANKED = str.maketrans(dict.fromkeys("'\"<>()《》〈〉‘’", " "))
_DELETED = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(a|an|the)\b")


def normalised(text: str, rule: Rule = "korquad") -> str:
    """The normal form, without ASCII punctuation, white space folded; for KorQuAD quotation marks and brackets are
    blanked before, for SQuAD articles after."""
    form = normal_form(text)
    bare = (
        form.translate(_BLANKED).translate(_DELETED)
        if rule == "korquad"
        else _ARTICLE.sub(" ", form.translate(_DELETED))
    )
    return " ".join(bare.split())


def f1(predicted: str, gold: str, rule: Rule = "korquad") -> float:
    """F1 of the bags of characters, or of words, of two `normalised` answers; 0.0 where they share none."""
    first, second = (_units(normalised(text, rule), rule) for text in (predicted, gold))
    common = (first & second).total()
    return 2 * common / (first.total() + second.total()) if common else 0.0


def _units(text: str, rule: Rule) -> Counter[str]:
    return Counter(text.replace(" ", "") if rule == "korquad" else text.split())


def scores(predicted: Iterable[str], gold: pl.Series, rule: Rule = "korquad") -> np.ndarray:
    """Whether each answer is exact, its F1, and 1; and the same again where there is a gold answer, else 0
    (answers, 6). Of several gold ones the best counts."""
    scored = []
    for answer, answers in zip(predicted, gold.to_list(), strict=True):
        texts = [item["text"] for item in answers]
        form = normalised(answer, rule)
        if not texts:
            right = float(not form)
            scored.append((right, right, 1.0, 0.0, 0.0, 0.0))
            continue
        exact = float(any(form == normalised(text, rule) for text in texts))
        scored.append((exact, max(f1(answer, text, rule) for text in texts), 1.0) * 2)
    return np.array(scored, dtype=np.float64).reshape(-1, 6)


def metrics(totals: np.ndarray, rule: Rule, unanswerable: bool) -> dict[str, np.ndarray]:
    """Exact match and F1 (…) from summed scores (…, 6); where questions may have no answer, of both kinds too, which
    are no number where there are none of a kind."""
    every, answered = totals[..., :3], totals[..., 3:]
    names = ("exact_match", F1[rule])
    found = {name: every[..., at] / np.maximum(every[..., 2], 1.0) for at, name in enumerate(names)}
    if unanswerable:
        for kind, part in zip(KINDS, (answered, every - answered), strict=True):
            count = np.where(part[..., 2] > 0, part[..., 2], np.nan)
            found |= {f"{name}/{kind}": part[..., at] / count for at, name in enumerate(names)}
    return found


def confusion(rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
    """Questions with and without an answer, by whether one was predicted."""
    gold = (beside(predictions, rows)["answers"].list.len() == 0).to_numpy()
    predicted = (predictions["answer"] == "").to_numpy()
    counts = np.zeros((2, 2), dtype=int)
    np.add.at(counts, (gold.astype(int), predicted.astype(int)), 1)
    return {"classes": list(KINDS), "counts": counts.tolist(), "spoken": True}


def worst(rows: pl.DataFrame, predictions: pl.DataFrame, rule: Rule = "korquad") -> list[dict[str, Any]]:
    """The answers that are not exact with the highest probability, with the context around gold."""
    rows = beside(predictions, rows)
    answered = rows.with_columns(
        predicted=predictions["answer"],
        probability=predictions["probability"],
        exact=scores(predictions["answer"], rows["answers"], rule)[:, 0],
    )
    wrong = answered.filter(pl.col("exact") == 0).sort("probability", "id", descending=[True, False])
    names = [name for name in ("id", "file", "line", "question") if name in answered.columns]
    shown = []
    for row in wrong.head(WORST).iter_rows(named=True):
        gold = list(dict.fromkeys(answer["text"] for answer in row["answers"]))
        shown.append(
            {name: row[name] for name in names}
            | {"gold": " / ".join(gold), "predicted": row["predicted"], "probability": row["probability"]}
            | {"around": _around(row["context"], **(row["answers"] or [{"start": 0, "text": ""}])[0])}
        )
    return shown


def _around(context: str, start: int, text: str) -> str:
    """A piece of the context with an answer in it."""
    low, high = max(0, start - AROUND), start + len(text) + AROUND
    return "…" * (low > 0) + " ".join(context[low:high].split()) + "…" * (high < len(context))
