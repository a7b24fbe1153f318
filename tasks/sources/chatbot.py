"""Chatbot_data, Korean questions with answers, as published: https://github.com/songys/Chatbot_data."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from models.data.comparison import normal_form
from models.paths import RecipePath
from tasks.reading.published import Delimited

LABELS = {"0": "everyday", "1": "parting", "2": "love"}


class Chatbot(Delimited):
    """`ChatbotData.csv`: comma-separated with quoting.

    It has no published parts. A question can come several times, with other answers, and its rows stay together.
    """

    kind: Literal["chatbot"] = "chatbot"
    parts: ClassVar[dict[str, str]] = {"path": ""}
    header: ClassVar[list[str]] = ["Q", "A", "label"]
    delimiter: ClassVar[str] = ","
    quoting: ClassVar[bool] = True
    path: RecipePath = Field(description="Path of ChatbotData.csv.")
    view: Literal["generation", "classification"] = Field(
        default="generation",
        description="generation: answers to questions. classification: everyday, parting or love, from the question.",
    )

    def row(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """`prompt`, `target` and the published `label`, or `text` and the label's name."""
        question, label = fields["Q"], fields["label"]
        if self.view == "generation":
            return {"prompt": question, "target": fields["A"], "label": label}
        return {"text": question, "label": LABELS.get(label, label)}

    def together(self, fields: Mapping[str, Any]) -> str:
        return normal_form(fields["Q"])
