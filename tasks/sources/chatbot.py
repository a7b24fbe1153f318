"""Chatbot_data, Korean questions with answers, as published: https://github.com/songys/Chatbot_data."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from models import readers
from models.errors import RecipeError
from tasks.sources import Record, Rejected, Source, check_readable, content, matches

HEADER = ["Q", "A", "label"]
LABELS = {"0": "everyday", "1": "parting", "2": "love"}


class Chatbot(Source):
    """`ChatbotData.csv`: comma-separated with quoting.

    It has no published parts. A question can come several times, with other answers, and its rows stay together.
    """

    kind: Literal["chatbot"] = "chatbot"
    path: str = Field(description="Path of ChatbotData.csv.")
    view: Literal["generation", "classification"] = Field(
        default="generation",
        description="generation: answers to questions. classification: everyday, parting or love, from the question.",
    )

    def identity(self) -> Any:
        """The content of the file, and the view."""
        own = super().identity()
        del own["path"]
        return {**own, "files": [content(path) for path in matches(self.path)]}

    def check(self) -> None:
        """The file is there, and has the published header."""
        for path in matches(self.path):
            check_readable(path)
            if (found := readers.header(path, ",", quoting=True)) != HEADER:
                raise RecipeError(
                    f"{path}, line 1: a file of {self.kind} has the columns {', '.join(HEADER)}, "
                    f"not {', '.join(found)}; use 'files' for another format"
                )

    def read(self) -> Iterator[Record | Rejected]:
        """Rows with `prompt`, `target` and the published `label`, or with `text` and the label's name."""
        for path in matches(self.path):
            yield from self._rows(path)

    def _rows(self, path: Path) -> Iterator[Record | Rejected]:
        for item in readers.read_delimited(path, ",", quoting=True):
            if isinstance(item, Rejected):
                yield item
                continue
            line, fields = item
            question, label = fields["Q"], fields["label"]
            if self.view == "generation":
                row = {"prompt": question, "target": fields["A"], "label": label}
            else:
                row = {"text": question, "label": LABELS.get(label, label)}
            yield Record(row, path.name, line, group=_normalised(question))


def _normalised(text: str) -> str:
    """The question as it is compared: NFKC, lower case, white space folded."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())
