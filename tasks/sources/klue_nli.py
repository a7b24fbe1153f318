"""KLUE-NLI, Korean sentence pairs with entailment, as published: https://github.com/KLUE-benchmark/KLUE."""

from collections.abc import Mapping
from typing import Any, Literal

from tasks.reading.published import InParts, JsonArray
from tasks.reading.source import Record, Rejected, record

COLUMNS = {"id": "guid", "text_a": "premise", "text_b": "hypothesis", "label": "gold_label"}


class KlueNli(JsonArray, InParts):
    """A JSON array of objects. A premise comes three times, and its rows stay together."""

    kind: Literal["klue_nli"] = "klue_nli"

    def row(self, fields: Mapping[str, Any], file: str, line: int, part: str) -> Record | Rejected:
        wanted = {name: fields.get(name) for name in COLUMNS.values()}
        return record(wanted, COLUMNS, "premise", file, line, part)
