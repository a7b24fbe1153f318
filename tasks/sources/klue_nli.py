"""KLUE-NLI, Korean sentence pairs with entailment, as published: https://github.com/KLUE-benchmark/KLUE."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from models import readers
from tasks.sources import Published, Record, Rejected, check_json_array, record

COLUMNS = {"id": "guid", "text_a": "premise", "text_b": "hypothesis", "label": "gold_label"}


class KlueNli(Published):
    """A JSON array of objects. A premise comes three times, and its rows stay together."""

    kind: Literal["klue_nli"] = "klue_nli"

    def check_form(self, path: Path) -> None:
        check_json_array(path)

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        for item in readers.read_json(path, ""):
            if isinstance(item, Rejected):
                yield item
            else:
                line, fields = item
                wanted = {name: fields.get(name) for name in COLUMNS.values()}
                yield record(wanted, COLUMNS, "premise", path.name, line, part)
