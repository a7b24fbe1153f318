"""KLUE-STS, Korean sentence pairs with likeness, as published: https://github.com/KLUE-benchmark/KLUE."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from models.data.records import as_text
from tasks.reading.published import InParts, JsonArray
from tasks.reading.source import Record, Rejected

GOLD = {"score": "label", "label": "binary-label"}
"""What `labels` calls each view's gold."""
LABELS: dict[Any, str] = {0: "different", 1: "same"}


class KlueSts(JsonArray, InParts):
    """A JSON array of objects; scores from 0 to 5."""

    kind: Literal["klue_sts"] = "klue_sts"
    view: Literal["score", "label"] = Field(
        default="score",
        description="score, from 0 to 5; or label: same (a score of 3 and more) or different.",
    )

    def row(self, fields: Mapping[str, Any], file: str, line: int, part: str) -> Record | Rejected:
        found = fields.get("labels")
        if not isinstance(found, dict):
            reason = "missing" if found is None else "not a JSON object"
            return Rejected(file, line, "labels", reason, as_text(fields))
        gold = found.get(GOLD[self.view])
        if isinstance(gold, dict | list | bool):
            return Rejected(file, line, "labels", "not a number", as_text(fields))
        if self.view == "label":
            gold = LABELS.get(gold, gold)
        texts = {"text_a": fields.get("sentence1"), "text_b": fields.get("sentence2")}
        return Record({"id": fields.get("guid"), **texts, self.view: gold}, file, line, part)
