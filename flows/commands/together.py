"""The steps of a corpus's shards, of which there are as many as files: one line of a table stands for all of a kind."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from models.data.counts import so_many

ORDER = ("failed", "not run", "run", "hit")
"""What became of steps, what asks for attention first."""


def together(
    rows: Iterable[dict[str, Any]], sums: Sequence[str], joined: Callable[[list[dict[str, Any]]], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of a table of steps in their order, those of shards as one row where the first of their kind stands.

    Args:
        rows: each with its `status`, and `of_shards`, which is empty for a step that is of no shard.
        sums: columns that are added up; None where none of them is known.
        joined: other columns of the row that stands for several.
    """
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(row["of_shards"] or f"/{len(kinds)}", []).append(row)
    return [several[0] if len(several) == 1 else _one(several, sums) | joined(several) for several in kinds.values()]


def _one(rows: list[dict[str, Any]], sums: Sequence[str]) -> dict[str, Any]:
    known = {name: [row[name] for row in rows if row[name] is not None] for name in sums}
    return {
        **rows[0],
        "name": rows[0]["of_shards"],
        "status": next(status for status in ORDER if any(row["status"] == status for row in rows)),
        "told": told([row["status"] for row in rows]),
        **{name: sum(values) if values else None for name, values in known.items()},
    }


def told(statuses: Sequence[str]) -> str:
    """`100 shards: 1 run, 99 hit`."""
    found = Counter(statuses)
    parts = [f"{found[status]:,} {status}" for status in ORDER if found[status]]
    return f"{so_many(len(statuses), 'shard')}: {', '.join(parts)}"
