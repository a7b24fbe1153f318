"""Two texts by names that say they are compared, and a class or a score."""

from typing import Any

from models.guessing.guess import Guess
from models.guessing.table import Table

_PAIRS = [
    *(
        ("text_a", "text_b"),
        ("sentence1", "sentence2"),
        ("premise", "hypothesis"),
        ("question1", "question2"),
    ),
    *(("sentence_a", "sentence_b"), ("text1", "text2"), ("sent1", "sent2"), ("q1", "q2"), ("문장1", "문장2")),
]
_SCORE = ("score", "similarity", "similarity_score", "relatedness", "점수", "유사도")
_LABEL = ("label", "gold_label", "is_duplicate", "class", "relation", "라벨", "레이블")


def guess(table: Table) -> Guess | None:
    """Numbers are scores; a few values are classes."""
    pair = table.pair(_PAIRS)
    if pair is None:
        return None
    columns: dict[str, Any] = {"text_a": pair[0].name, "text_b": pair[1].name}
    settings: dict[str, Any] = {}
    score, label = table.first(_SCORE), table.first(_LABEL)
    if score is not None and score.is_number:
        columns["score"], settings = score.name, {"target": "score", "encoder": "bi"}
    elif label is not None and label.is_class:
        columns["label"] = label.name
    else:
        return None
    return Guess(
        "pair",
        {name: made for name, made in columns.items() if name != made},
        0.9,
        reads=("text_a", "text_b"),
        target="score" if settings else "label",
        settings=settings,
    )
