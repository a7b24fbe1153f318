"""KLUE-STS, Korean sentence pairs with likeness, as published: https://github.com/KLUE-benchmark/KLUE."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from models import readers
from models.records import as_text
from tasks.sources import Published, Record, Rejected, check_json_array

LABELS = {0: "different", 1: "same"}


class KlueSts(Published):
    """A JSON array of objects; scores from 0 to 5."""

    kind: Literal["klue_sts"] = "klue_sts"
    view: Literal["score", "label"] = Field(
        default="score",
        description="score, from 0 to 5; or label: same (a score of 3 and more) or different.",
    )

    def check_form(self, path: Path) -> None:
        check_json_array(path)

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        for item in readers.read_json(path, ""):
            if isinstance(item, Rejected):
                yield item
            elif not isinstance(item[1].get("labels"), dict):
                yield Rejected(path.name, item[0], "labels", "missing", as_text(item[1]))
            else:
                yield Record(self._fields(item[1]), path.name, item[0], part)

    def _fields(self, row: Any) -> dict[str, Any]:
        found = row["labels"]
        binary = found.get("binary-label")
        gold = found.get("label") if self.view == "score" else LABELS.get(binary, binary)
        texts = {"text_a": row.get("sentence1"), "text_b": row.get("sentence2")}
        return {"id": row.get("guid"), **texts, self.view: gold}
