"""Texts, and a column of a few classes."""

from models.guessing.guess import Guess
from models.guessing.table import Column, Table

_LABEL = {
    *("label", "labels", "class", "category", "topic", "team", "intent", "sentiment", "tag", "type", "queue"),
    *(
        "department",
        "genre",
        "polarity",
        "target",
        "y",
        "라벨",
        "레이블",
        "분류",
        "카테고리",
        "감정",
        "주제",
        "부서",
        "담당",
        "유형",
        "팀",
    ),
}
_TEXT = ("text", "sentence", "document", "review", "comment", "content", "본문", "내용", "문장", "리뷰")
_GROUP = ("group", "thread_id", "conversation_id", "group_id", "document_id")
_CLASSES = 50


def guess(table: Table) -> Guess | None:
    """Several texts of a row, a subject and a body say, are read as one."""
    labels = [column for column in table.columns if column.is_class and column not in table.texts]
    labels = [column for column in labels if column.name.lower() not in ("id", "part", "split", "group")]
    short = [column for column in (table[name] for name in _TEXT) if column is not None and column.texts]
    texts = table.texts or [column for column in short[:1] if column not in labels]
    if not labels or not texts:
        return None
    label = max(labels, key=_likeness)
    names = tuple(column.name for column in texts)
    columns = {"text": names[0] if len(names) == 1 else names, "label": label.name}
    group = table.first(_GROUP)
    return Guess(
        "classification",
        {name: made for name, made in columns.items() if name != made},
        0.7 if label.words & _LABEL else 0.4,
        target="label",
        group=group.name if group is not None and len(group.counts) < len(group.values) else None,
    )


def _likeness(column: Column) -> tuple[bool, bool, float]:
    """A column that is named like one, has a value in every row, and few of them."""
    filled = len(column.texts) / max(1, len(column.values))
    return bool(column.words & _LABEL), len(column.counts) <= _CLASSES, filled - len(column.counts) / 1000
