"""The steps of a corpus's shards, of which there are as many as files: one line of a table stands for all of a kind."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from models.data.counts import so_many

_ORDER = ("failed", "not run", "run", "hit")
"""What became of steps; what asks for attention stands first."""


def together(rows: Iterable[dict[str, Any]], sums: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Rows of a table of steps in their order, those of shards as one, where the first of their kind stands.

    Args:
        rows: each with its `name`, its `status`, and `of_shards`, which is empty for a step that is of no shard.
        sums: columns that are added up, None where nothing is known; of others, a row for several shows nothing.

    Returns:
        The rows, with `told`, the status in words.
    """
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(row["of_shards"] or f" {len(kinds)}", []).append(row)
    return [
        of_kind[0] | {"told": of_kind[0]["status"]} if len(of_kind) == 1 else _one(of_kind, sums)
        for of_kind in kinds.values()
    ]


def _one(rows: Sequence[dict[str, Any]], sums: Sequence[str]) -> dict[str, Any]:
    found = Counter(row["status"] for row in rows)
    parts = [f"{found[status]:,} {status}" for status in _ORDER if found[status]]
    known = {name: [row[name] for row in rows if row[name] is not None] for name in sums}
    return {
        **dict.fromkeys(rows[0]),
        **{name: sum(values) if values else None for name, values in known.items()},
        "name": f"{rows[0]['of_shards']}, {so_many(len(rows), 'shard')}",
        "status": next(status for status in _ORDER if found[status]),
        "told": ", ".join(parts),
    }
