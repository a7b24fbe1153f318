"""KorQuAD 1.0, Korean questions on paragraphs of articles, as published: https://korquad.github.io."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from tasks.reading.published import InParts, check_begins
from tasks.reading.source import Record, Rejected
from tasks.reading.squad import VIEW, Articles, View


class KorQuad(InParts):
    """One JSON object in the form of SQuAD 1.1; the rows of an article stay together."""

    kind: Literal["korquad"] = "korquad"
    view: View = Field(default="qa", description=VIEW)

    def check_form(self, path: Path) -> None:
        check_begins(path, b"{", "a JSON object of the form of SQuAD")

    def by_file(self) -> Iterator[tuple[Path, Iterable[Record | Rejected]]]:
        articles = Articles(self.view)
        for part, path in self.files():
            yield path, articles.rows(path, part)
