"""SQuAD files of any language, 1.1 and 2.0: https://rajpurkar.github.io/SQuAD-explorer."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import Field

from models.data.packed import Broken, opened
from tasks.reading.own_files import OwnFiles
from tasks.reading.published import check_begins
from tasks.reading.source import Record, Rejected
from tasks.reading.squad import VIEW, Articles, View

_LOOKED_AT = 1 << 16
_MARKS = (b'"data"', b'"paragraphs"', b'"qas"')


class Squad(OwnFiles):
    """Questions on paragraphs of articles, whose rows stay together; one that is impossible (2.0) has no answers.

    Answers must stand in their context where `answer_start` says; plausible answers of impossible questions are left.
    """

    kind: Literal["squad"] = Field(default="squad", description="JSON of the form of SQuAD, 1.1 or 2.0.")
    view: View = Field(default="qa", description=VIEW)

    def check_form(self, path: Path) -> None:
        check_begins(path, b"{", "a JSON object of the form of SQuAD")

    def by_file(self) -> Iterator[tuple[Path, Iterable[Record | Rejected]]]:
        articles = Articles(self.view, self.encoding)
        for part, path in self.files():
            yield path, articles.rows(path, part)

    @classmethod
    def recognises(cls, path: Path) -> Self | None:
        try:
            with opened(path) as file:
                begin = file.read(_LOOKED_AT)
        except (OSError, Broken):
            return None
        return cls(paths=(str(path),)) if all(mark in begin for mark in _MARKS) else None
