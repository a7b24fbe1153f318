"""A table as somebody sees it for the first time: what each column holds, by its name and its values."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[가-힣]+|\d+")
_DATE = re.compile(r"\d{2,4}[-./]\d{1,2}[-./]\d{1,4}([T ].*)?|\d{1,2}:\d{2}.*")
_ID = {"id", "ids", "uid", "uuid", "key", "index", "idx", "no", "nr", "number", "ticket", "번호", "아이디"}
_CLASS_CHARACTERS = 60
_CLASSES = 200
_SIGNS = ";|,"
_NAME_CHARACTERS = 30
_TEXT_CHARACTERS = 12
"""Characters that texts have on average, at the least; what is shorter is a name or a code."""


@dataclass(frozen=True)
class Column:
    """A column of the rows that were looked at."""

    name: str
    values: Sequence[Any]

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of its name: `ticketId` is ticket and id."""
        return frozenset(word.lower() for word in _WORDS.findall(self.name))

    @cached_property
    def texts(self) -> list[str]:
        """Its values that are not empty, as texts; none where they are lists or objects."""
        if any(isinstance(value, list | dict) for value in self.values):
            return []
        shown = (str(value).strip() for value in self.values if value is not None)
        return [text for text in shown if text]

    @cached_property
    def separator(self) -> str | None:
        """What stands between several labels of a row: a sign that leaves far fewer of them than there are texts."""
        for sign in _SIGNS:
            pieces = Counter(piece.strip() for text in self.counts for piece in text.split(sign))
            some = sum(sign in text for text in self.texts) > 0.02 * len(self.texts)
            if some and max(map(len, pieces)) <= _NAME_CHARACTERS and len(pieces) < 0.6 * len(self.counts):
                return sign
        return None

    @cached_property
    def lists(self) -> bool:
        """Whether a row has several of a few labels: lists of texts, or texts with a separator."""
        given = [value for value in self.values if value is not None]
        if given and all(isinstance(value, list) for value in given):
            return all(isinstance(item, str | int) for value in given for item in value)
        return self.separator is not None

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each text stands there."""
        return Counter(self.texts)

    @property
    def length(self) -> float:
        """Characters of a text on average."""
        return sum(map(len, self.texts)) / max(1, len(self.texts))

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers, or dates, which say nothing either."""
        return (
            bool(self.texts)
            and _share(self.texts, lambda text: _numeric(text) or bool(_DATE.fullmatch(text))) > 0.9
        )

    @property
    def is_id(self) -> bool:
        """Whether it names rows: by its name, or as no two are alike and no text stands there."""
        if not self.texts or self.is_text:
            return False
        alike = len(self.counts) / len(self.texts)
        return alike > 0.9 and (bool(self.words & _ID) or all(" " not in text for text in self.texts[:100]))

    @property
    def is_unique(self) -> bool:
        """Whether every row has a value, and no two the same."""
        return len(self.counts) == len(self.texts) == len(self.values) > 0

    @property
    def is_text(self) -> bool:
        """Whether it holds language."""
        if not self.texts or self.is_number or len(self.counts) < min(3, len(self.texts)):
            return False
        spaced = _share(self.texts, lambda text: " " in text or not text.isascii())
        return self.length >= _TEXT_CHARACTERS and spaced > 0.6 and len(self.counts) > 0.2 * len(self.texts)

    @property
    def is_class(self) -> bool:
        """Whether a few values stand there again and again."""
        most = min(_CLASSES, max(2, len(self.texts) // 4))
        return 2 <= len(self.counts) <= most and max(map(len, self.counts)) <= _CLASS_CHARACTERS


@dataclass(frozen=True)
class Table:
    """Rows that were looked at, in columns."""

    columns: tuple[Column, ...]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> "Table":
        """Of rows that may lack columns."""
        names = dict.fromkeys(name for row in rows for name in row)
        return cls(tuple(Column(name, [row.get(name) for row in rows]) for name in names))

    def __getitem__(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name.lower() == name.lower()), None)

    def first(self, names: Iterable[str]) -> Column | None:
        """The first column that goes by one of the names."""
        return next((found for name in names if (found := self[name]) is not None), None)

    def pair(self, names: Iterable[tuple[str, str]]) -> tuple[Column, Column] | None:
        """The first two columns that go by a pair of names, whatever their case."""
        for one, other in names:
            a, b = self[one], self[other]
            if a is not None and b is not None:
                return a, b
        return None

    @property
    def texts(self) -> list[Column]:
        """The columns that hold language, in their order."""
        return [column for column in self.columns if column.is_text]


def _numeric(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _share(texts: Sequence[str], holds: Any) -> float:
    return sum(bool(holds(text)) for text in texts) / max(1, len(texts))
