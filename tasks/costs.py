"""What steps have cost, beside what was estimated before they ran: both stand in their MLflow runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.reporting.costs import Cost
from models.reporting.parts import Interval
from tasks.graph.refs import Ref
from tasks.running import expected
from tasks.running.work import PEAK_MEMORY
from tasks.storage.artifacts import Made

_BOUNDS = {"value": "", "low": "_low", "high": "_high"}


def cost(name: str, refs: Sequence[Ref], found: Mapping[str, Made]) -> Cost | None:
    """Of steps together: their seconds, and the memory of the largest; None where nothing is known of one of them.

    Args:
        found: what is there, by its key.
    """
    steps = dict.fromkeys(ref.key for ref in refs)
    made = [found[key] for key in steps if key in found]
    if not made or len(made) < len(steps):
        return None
    estimates = [expected.read(item.tags) for item in made]
    seconds = [_interval(item, "seconds") for item in estimates]
    memories = [one for item in estimates if (one := _interval(item, "memory_bytes"))]
    return Cost(
        name=name,
        seconds=sum(item.seconds for item in made),
        expected_seconds=_sum([item for item in seconds if item]) if all(seconds) else None,
        memory=max((item.metrics[PEAK_MEMORY] for item in made if PEAK_MEMORY in item.metrics), default=None),
        expected_memory=max(memories, key=lambda item: item.value, default=None),
    )


def _interval(estimate: dict[str, Any], name: str) -> Interval | None:
    values: dict[str, Any] = {bound: estimate.get(f"{name}{at}") for bound, at in _BOUNDS.items()}
    return Interval(**values) if all(isinstance(value, int | float) for value in values.values()) else None


def _sum(items: Sequence[Interval]) -> Interval:
    return Interval(**{bound: sum(getattr(item, bound) for item in items) for bound in _BOUNDS})
