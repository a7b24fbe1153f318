"""Questions on a text, with the piece of it that answers."""

from models.guessing.guess import Guess
from models.guessing.lengths import Rows
from models.guessing.table import Table


def guess(table: Table) -> Guess | None:
    """Answers are objects with a text and where it starts; a question may have none."""
    answers = table["answers"]
    if table["question"] is None or table["context"] is None or answers is None:
        return None
    given = [item for value in answers.values if isinstance(value, list) for item in value]
    if not given or not all(isinstance(item, dict) and {"start", "text"} <= {*item} for item in given):
        return None
    without = not all(answers.values)
    settings = {"unanswerable": True} if without else {}
    reads = ("context", "question")
    return Guess("qa", {}, 1.0, reads=reads, settings=settings, lengths=_lengths, is_slow=True)


def _lengths(rows: Rows, length: int) -> dict[str, int]:
    return {"max_length": max(192, length), "stride": 64}
