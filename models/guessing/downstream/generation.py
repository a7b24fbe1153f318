"""A prompt and what is to be written in answer to it."""

from models.guessing.guess import Guess
from models.guessing.lengths import Rows, longest
from models.guessing.table import Table

_PAIRS = [
    *(("prompt", "target"), ("prompt", "completion"), ("prompt", "response"), ("instruction", "output")),
    *(
        ("instruction", "response"),
        ("input", "output"),
        ("source", "target"),
        ("question", "answer"),
        ("q", "a"),
    ),
    *(("질문", "답변"), ("질문", "답"), ("article", "summary"), ("document", "summary"), ("text", "summary")),
]


def guess(table: Table) -> Guess | None:
    """Both are texts; answers are not a few classes, but where their names are those of this task's own rows."""
    pair = table.pair(_PAIRS)
    if pair is None or not all(column.texts for column in pair) or pair[1].is_number:
        return None
    if pair[1].is_class and (pair[0].name, pair[1].name) != ("prompt", "target"):
        return None
    columns = {"prompt": pair[0].name, "target": pair[1].name}
    return Guess(
        "generation",
        {name: made for name, made in columns.items() if name != made},
        0.9,
        reads=("prompt", "target"),
        lengths=_lengths,
        is_slow=True,
    )


def _lengths(rows: Rows, length: int) -> dict[str, int]:
    answers = longest(str(row["target"]) for row in rows)
    return {"max_length": length, "max_new_tokens": min(64, max(16, answers))}
