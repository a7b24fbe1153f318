"""Queries, passages, and which passage answers which query."""

from models.guessing.guess import Guess
from models.guessing.lengths import Rows, longest
from models.guessing.table import Table


def guess(table: Table) -> Guess | None:
    """Rows say whether they are passages; queries name the relevant ones."""
    passage = table["passage"]
    if table["text"] is None or table["relevant"] is None or passage is None:
        return None
    if not all(isinstance(value, bool) for value in passage.values):
        return None
    modes = ("zero_shot", *Guess.modes)
    return Guess("retrieval", {}, 1.0, lengths=_lengths, modes=modes, is_slow=True, repeats=False)


def _lengths(rows: Rows, length: int) -> dict[str, int]:
    """Queries are shorter than passages."""
    asked = longest(str(row["text"]) for row in rows if not row["passage"])
    return {"max_length": length, "max_query": min(length, 64, max(16, asked + 8))}
