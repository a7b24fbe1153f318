"""Question pair, Korean questions that mean the same or not: https://github.com/songys/Question_pair."""

from typing import ClassVar, Literal

from tasks.reading.published import Delimited, InParts

LABELS = {"0": "same", "1": "different"}
"""The column is called is_duplicate, yet 0 means that the questions are the same."""


class QuestionPair(Delimited, InParts):
    """Tab-separated, without quoting; labels become `same` and `different`."""

    kind: Literal["question_pair"] = "question_pair"
    header: ClassVar[list[str]] = ["question1", "question2", "is_duplicate"]
    columns: ClassVar[dict[str, str]] = {
        "text_a": "question1",
        "text_b": "question2",
        "label": "is_duplicate",
    }

    def value(self, name: str, value: str) -> str:
        return LABELS.get(value, value) if name == "label" else value
