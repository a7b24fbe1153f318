"""KorNLI, Korean sentence pairs with entailment, as published: https://github.com/kakaobrain/KorNLUDatasets."""

from typing import ClassVar, Literal

from tasks.reading.published import Delimited, InParts


class KorNli(Delimited, InParts):
    """Tab-separated, without quoting. A premise comes three times, and its rows stay together."""

    kind: Literal["kornli"] = "kornli"
    header: ClassVar[list[str]] = ["sentence1", "sentence2", "gold_label"]
    columns: ClassVar[dict[str, str]] = {"text_a": "sentence1", "text_b": "sentence2", "label": "gold_label"}
    group: ClassVar[str | None] = "sentence1"
