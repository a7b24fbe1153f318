"""Texts with the places of what they name."""

from models.guessing.guess import Guess
from models.guessing.lengths import Rows
from models.guessing.table import Table


def guess(table: Table) -> Guess | None:
    """Entities are objects with a start, an end and a type."""
    text, entities = table["text"], table["entities"]
    if text is None or entities is None:
        return None
    named = [item for value in entities.values if isinstance(value, list) for item in value]
    if not named or not all(isinstance(item, dict) and {"start", "end", "type"} <= {*item} for item in named):
        return None
    return Guess("ner", {}, 1.0, lengths=_lengths)


def _lengths(rows: Rows, length: int) -> dict[str, int]:
    """Long texts are read in windows, which share 32 tokens."""
    return {"max_length": max(64, length)}
