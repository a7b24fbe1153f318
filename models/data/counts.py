"""Rows accounted for: `kept + quarantined + removed == read`, whatever happened to them; and counts in words."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FILE = "counts.json"


def write(folder: Path, counts: Mapping[str, Any]) -> None:
    """Writes counts.json.

    Raises:
        AssertionError: rows got lost on the way.
    """
    told = counts["kept"] + sum(counts["quarantined"].values()) + sum(counts["removed"].values())
    assert told == counts["read"], f"{counts['read']} rows were read, but {told} are accounted for: {counts}"
    (folder / FILE).write_text(json.dumps(counts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(folder: Path) -> dict[str, Any]:
    """Counts that a step before has written."""
    return json.loads((folder / FILE).read_text(encoding="utf-8"))


def summed(several: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts of several shards together."""
    made: dict[str, Any] = {"read": 0, "kept": 0, "quarantined": {}, "removed": {}, "masked": {}}
    for counts in several:
        for name, count in counts.items():
            if isinstance(count, Mapping):
                made[name] = dict(sorted((Counter(made.get(name, {})) + Counter(count)).items()))
            else:
                made[name] = made.get(name, 0) + count
    return made


def metrics(counts: Mapping[str, Any]) -> dict[str, float]:
    """Counts as MLflow metrics: totals, by part, and masked data by kind."""
    metrics = {"rows/read": counts["read"], "rows/kept": counts["kept"]}
    for name in ("quarantined", "removed"):
        metrics[f"rows/{name}"] = sum(counts[name].values())
    for group in ("parts", "masked", "leaks"):
        metrics.update({f"{group}/{name}": count for name, count in counts.get(group, {}).items()})
    return {name: float(value) for name, value in metrics.items()}


def so_many(number: int, what: str) -> str:
    """`1,000 rows`, `1 row`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def so_many_labels(labels: int) -> str:
    """`1,000 labels`."""
    return so_many(labels, "label")


def by_reason(reasons: Mapping[str, int]) -> str:
    """Reasons in words, most frequent first."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {reason}" for reason, count in ordered)
