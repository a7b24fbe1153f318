"""Texts, and a column of a few classes, of several of them, or of a number."""

from collections.abc import Sequence

from models.guessing.guess import Guess
from models.guessing.table import Column, Table

_LABEL = {
    *(
        "label",
        "class",
        "classes",
        "category",
        "categories",
        "topic",
        "team",
        "intent",
        "sentiment",
        "tag",
        "type",
        "queue",
    ),
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
_HEADING = {"subject", "title", "headline", "heading", "제목"}
_SCORE = ("score", "rating", "stars", "grade", "value", "점수", "평점", "별점")
_GROUP = ("group", "thread_id", "conversation_id", "group_id", "document_id")
_CLASSES = 50


def guess(table: Table) -> Guess | None:
    """Several texts of a row, a subject and a body say, are read as one."""
    several = [column for column in table.columns if _is_named(column) and column.lists]
    labels = [column for column in table.columns if column.is_class and column not in table.texts]
    labels = [column for column in labels if column.name.lower() not in ("id", "part", "split", "group")]
    texts = _texts(table, labels + several)
    score = table.first(_SCORE)
    if not texts:
        return None
    if several:
        settings = {"target": "labels"}
        if several[0].separator:
            settings["label_separator"] = several[0].separator
        return _guess(table, texts, "labels", several[0], settings)
    named = any(map(_is_named, labels))
    if score is not None and score.is_number and not named and not score.is_class:
        return _guess(table, texts, "score", score, {"target": "score"})
    return _guess(table, texts, "label", max(labels, key=_likeness), {}) if labels else None


def _texts(table: Table, others: Sequence[Column]) -> list[Column]:
    """The columns of language, and headings, which may stand there again and again."""
    long = table.texts
    if not long:
        named = (table[name] for name in _TEXT)
        return [column for column in named if column is not None and column.texts and column not in others][
            :1
        ]
    headings = [
        column
        for column in table.columns
        if column.words & _HEADING and column.texts and not column.is_number
    ]
    return [column for column in table.columns if column in long or column in headings]


def _guess(
    table: Table, texts: Sequence[Column], target: str, gold: Column, settings: dict[str, str]
) -> Guess:
    names = tuple(column.name for column in texts)
    columns = {"text": names[0] if len(names) == 1 else names, target: gold.name}
    group = table.first(_GROUP)
    return Guess(
        "classification",
        {name: made for name, made in columns.items() if name != made},
        0.7 if _is_named(gold) or target != "label" else 0.4,
        target=target,
        settings=settings,
        group=group.name if group is not None and len(group.counts) < len(group.values) else None,
    )


def _likeness(column: Column) -> tuple[bool, bool, float]:
    """A column that is named like one, has a value in every row, and few of them."""
    filled = len(column.texts) / max(1, len(column.values))
    return _is_named(column), len(column.counts) <= _CLASSES, filled - len(column.counts) / 1000


def _is_named(column: Column) -> bool:
    """Whether its name says that it holds labels; of several of them too."""
    return any(word in _LABEL or word.removesuffix("s") in _LABEL for word in column.words)
