"""What came out of a run: a score for each entry, number of labels and mode, over all its seeds; and pretrainings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.modes import CONTROLS
from tasks.graph import refs
from tasks.graph.refs import Ref
from tasks.running.execution import Outcome
from tasks.running.flow_run import FlowRun
from tasks.running.front_page import headline
from tasks.running.means import over_seeds
from tasks.score import ScoreConfig

_WORST_FIRST = ("failed", "not run", "run", "hit")


@dataclass(frozen=True)
class Result:
    """One score with its 95 % interval, or why there is none."""

    entry: str
    mode: str
    """Empty for a pretraining."""
    labels: int | None
    """Training rows; None is all of them."""
    grid: bool
    """Whether it is of the gain grid."""
    seeds: tuple[int, ...]
    metric: str
    value: float | None
    low: float | None
    """None where there is no interval: of a pretraining, and of the gain grid, whose intervals the report has."""
    high: float | None
    seconds: float
    """What it took, in this run or when it was made."""
    status: str
    """Of its steps the worst: `failed`, `not run`, `run` or `hit`."""
    reason: str
    run_ids: tuple[str, ...]
    lower_is_better: bool
    test_rows: int | None = None
    """None where it was not scored."""

    @property
    def is_control(self) -> bool:
        """Whether transfer is measured against it."""
        return self.mode in CONTROLS

    @property
    def worth(self) -> float:
        """So that more is better; what has no score is worth nothing."""
        if self.value is None:
            return float("-inf")
        return -self.value if self.lower_is_better else self.value


def of(run: FlowRun) -> list[Result]:
    """Every result of a run: pretrainings, then entries in the order of the recipe, the gain grid last."""
    pretrained = [outcome for outcome in run.outcomes.values() if isinstance(outcome.ref, refs.Model)]
    cells: dict[tuple[bool, str, int | None, str], list[refs.Scores]] = {}
    for ref in run.targets:
        if isinstance(ref, refs.Scores):
            about = ref.about
            cells.setdefault((about.grid, about.downstream, about.labels, about.mode), []).append(ref)
    scored = [_score(run, list(dict.fromkeys(items))) for items in cells.values()]
    return [*map(_pretraining, pretrained), *sorted(scored, key=lambda result: result.grid)]


def described(result: Result) -> dict[str, Any]:
    """A result for scripts."""
    return {
        "entry": result.entry,
        "mode": result.mode or None,
        "labels": result.labels,
        "grid": result.grid,
        "seeds": list(result.seeds),
        "metric": result.metric or None,
        "value": result.value,
        "low": result.low,
        "high": result.high,
        "seconds": round(result.seconds, 3),
        "status": result.status,
        "reason": result.reason or None,
        "run_ids": list(result.run_ids),
    }


def _pretraining(outcome: Outcome) -> Result:
    name = headline(outcome)
    return Result(
        entry=outcome.ref.about.entry,
        mode="",
        labels=None,
        grid=False,
        seeds=(),
        metric=name,
        value=(outcome.metrics or {}).get(name),
        low=None,
        high=None,
        seconds=outcome.seconds,
        status=outcome.status,
        reason=outcome.reason,
        run_ids=(outcome.run_id,) if outcome.run_id else (),
        lower_is_better=True,
    )


def _score(run: FlowRun, items: Sequence[refs.Scores]) -> Result:
    """The score of a cell, which has been run once with each of its seeds."""
    about, config = items[0].about, items[0].config
    assert isinstance(config, ScoreConfig), f"{items[0].name} was not made by `score`"
    outcomes = [outcome for item in items if (outcome := run.outcomes.get(item.key)) is not None]
    scored = [outcome for outcome in outcomes if headline(outcome)]
    made = {item.key: item for ref in items for item in (ref, ref.predictions, ref.predictions.adapted)}
    seconds = sum(outcome.seconds for key in made if (outcome := run.outcomes.get(key)) is not None)
    whole = len(scored) == len(items)
    status = min((item.status for item in outcomes), key=_WORST_FIRST.index) if outcomes else "not run"
    name = config.downstream.headline
    return Result(
        entry=about.downstream,
        mode=about.mode,
        labels=about.labels,
        grid=about.grid,
        seeds=tuple(item.about.seed for item in items if item.about.seed is not None),
        metric=name,
        **(_interval(scored, about.grid) if whole else {"value": None, "low": None, "high": None}),
        seconds=seconds,
        status=status,
        reason="" if whole else next(_reasons(run, items), ""),
        run_ids=tuple(outcome.run_id for outcome in scored),
        lower_is_better=name in config.downstream.lower_is_better,
        test_rows=_test_rows(run, items[0]),
    )


def _test_rows(run: FlowRun, ref: refs.Scores) -> int | None:
    split = run.outcomes.get(ref.rows.key)
    rows = (split.metrics or {}).get("parts/test") if split is not None else None
    return None if rows is None else int(rows)


def _interval(scored: Sequence[Outcome], grid: bool) -> dict[str, float | None]:
    """The headline metric; of several seeds its mean, with an interval over seeds and rows but for the gain grid."""
    name = headline(scored[0])
    if grid and len(scored) > 1:
        mean = float(np.mean([(outcome.metrics or {})[name] for outcome in scored]))
        return {"value": mean, "low": None, "high": None}
    ((one, _),) = over_seeds(scored)
    metrics = one.metrics or {}
    return {"value": metrics[name], "low": metrics[f"{name}_low"], "high": metrics[f"{name}_high"]}


def _reasons(run: FlowRun, items: Sequence[Ref]) -> Iterator[str]:
    """Why there is no score: the steps that failed, else what is said of the score itself."""
    needed = [run.outcomes[ref.key] for ref in refs.ordered(list(items)) if ref.key in run.outcomes]
    yield from (f"{item.ref.title} failed: {item.reason}" for item in needed if item.status == "failed")
    yield from (item.reason for item in needed if item.reason)
