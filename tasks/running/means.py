"""Scores of models that differ in the seed alone as one, for tables and for the run of a flow."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from models.adapted.files import SETTLED
from models.bootstrap import interval
from models.reporting.resampling import Folders, Resampling
from tasks.graph import refs
from tasks.running.execution import Outcome
from tasks.storage import artifacts


def over_seeds(scored: Sequence[Outcome]) -> list[tuple[Outcome, tuple[int, ...]]]:
    """Each mode of an entry at each number of labels once, with its seeds.

    Of several seeds it is the first one's outcome with the means as its metrics, their intervals over seeds and test
    rows, and the seconds of all. What failed is left out.
    """
    alike: dict[tuple[Any, ...], list[Outcome]] = {}
    for outcome in scored:
        about = outcome.ref.about
        if outcome.status in ("hit", "run"):
            place = (about.downstream, about.upstream, about.mode, about.labels, about.grid)
            alike.setdefault(place, []).append(outcome)
    return [(_mean(found), tuple(item.ref.about.seed or 0 for item in found)) for found in alike.values()]


def _mean(outcomes: Sequence[Outcome]) -> Outcome:
    first = outcomes[0]
    if len(outcomes) == 1:
        return first
    scores = tuple(item.ref for item in outcomes if isinstance(item.ref, refs.Scores))
    return replace(
        first, metrics=dict(_metrics(scores)), seconds=sum(outcome.seconds for outcome in outcomes)
    )


@lru_cache
def _metrics(scores: tuple[refs.Scores, ...]) -> dict[str, float]:
    how: Any = scores[0].config
    settled = (artifacts.files(scores[0]) / SETTLED).read_text(encoding="utf-8")
    downstream = type(how.downstream).model_validate_json(settled)
    folders: Folders = {number: artifacts.files(ref) for number, ref in enumerate(scores)}
    found = Resampling(downstream, how.resamples, how.seed).of(folders)
    metrics = {f"test/{name}": value for name, value in found.values.items()}
    for name, draws in found.draws.items():
        metrics |= {f"test/{name}_{bound}": value for bound, value in interval(draws).items()}
    return metrics
