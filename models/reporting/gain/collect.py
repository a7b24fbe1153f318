"""From the folders of finished steps to a grid."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.downstream import Downstream
from models.modes import CONTROLS, MODES
from models.reporting.collect import dropped
from models.reporting.gain import Cell, Curve, Difference, Grid, Pace, Worth
from models.reporting.parts import Interval
from models.scoring import Resampled, difference, interval, resampled

Place = tuple[str, int]
"""A mode and a number of labels."""


@dataclass(frozen=True)
class Scored:
    """One scored model: the folders of its steps, and what they took."""

    score: Path
    predictions: Path
    adapted: Path
    seconds: float
    memory: float | None

    @property
    def summary(self) -> dict[str, Any]:
        """What `adapt` says of itself."""
        return json.loads((self.adapted / "summary.json").read_text(encoding="utf-8"))

    @property
    def details(self) -> dict[str, Any]:
        """What `score` found beside the metrics."""
        return json.loads((self.score / "details.json").read_text(encoding="utf-8"))

    @property
    def statistics(self) -> np.ndarray:
        """(draws, rows, k) of the test rows in their order."""
        several = self.score / "draws.npy"
        return np.load(several) if several.is_file() else np.load(self.score / "statistics.npy")[None]


def grid(
    names: Mapping[str, Any], downstream: Downstream, models: Sequence[Scored], resamples: int, seed: int
) -> Grid:
    """All cells of an entry, compared.

    Args:
        names: the fields of the grid that say what it is of.
        models: every seed of every cell; their test rows are the same, in the same order.
    """
    places = _places(models)
    drawn = {
        place: resampled(
            np.concatenate([model.statistics for model in found]), downstream.metrics, resamples, seed
        )
        for place, found in places.items()
    }
    details = models[0].details
    headline = downstream.headline
    return Grid(
        **names,
        downstream=downstream.kind,
        metric=headline,
        lower_is_better=headline in downstream.lower_is_better,
        test_rows=details["rows"],
        chance=details.get("chance", {}).get(headline),
        cells=tuple(_cell(place, found, drawn, downstream) for place, found in places.items()),
        worths=tuple(worths(drawn, headline, headline in downstream.lower_is_better)),
        paces=tuple(_paces(places, headline, headline in downstream.lower_is_better)),
        curves=tuple(_curves(places, headline)),
    )


def _places(models: Sequence[Scored]) -> dict[Place, list[Scored]]:
    """The models of each cell by seed; modes in their usual order, numbers of labels ascending."""
    found: dict[Place, dict[int, Scored]] = {}
    for model in models:
        summary = model.summary
        labels = summary["rows"]["train"] if summary["labels"] is None else summary["labels"]
        found.setdefault((summary["mode"], labels), {})[summary["seed"]] = model
    order = sorted(found, key=lambda place: (MODES.index(place[0]), place[1]))  # type: ignore[arg-type]
    return {place: [model for _, model in sorted(found[place].items())] for place in order}


def _cell(
    place: Place, models: Sequence[Scored], drawn: Mapping[Place, Resampled], downstream: Downstream
) -> Cell:
    mode, labels = place
    own, summaries = drawn[place], [model.summary for model in models]
    by_seed = [downstream.metrics(model.statistics.sum(axis=1))[downstream.headline] for model in models]
    against = {}
    for control in CONTROLS:
        other = drawn.get((control, labels))
        if other is not None and mode != control:
            found = difference(own, other, downstream.lower_is_better).get(downstream.headline)
            if found is not None:
                verdict = "better" if found["better"] else "worse" if found["worse"] else "unclear"
                bounds = {name: found[name] for name in ("value", "low", "high")}
                against[control] = Difference(**bounds, verdict=verdict)
    memories = [model.memory for model in models if model.memory is not None]
    return Cell(
        mode=mode,
        labels=labels,
        seeds=tuple(summary["seed"] for summary in summaries),
        metrics={
            name: Interval(value=value, **interval(own.draws[name])) for name, value in own.values.items()
        },
        by_seed=tuple(float(values.mean()) for values in by_seed),
        against=against,
        trainable_parameters=summaries[0]["trainable_parameters"],
        dropped=sum(dropped(model.predictions) for model in models),
        seconds=float(np.mean([model.seconds for model in models])),
        memory=max(memories, default=None),
    )


def worths(drawn: Mapping[Place, Resampled], metric: str, lower_is_better: bool = False) -> list[Worth]:
    """How many labels scratch needs for what each other cell has, with 95 % intervals from the same resamples."""
    sizes = sorted(labels for mode, labels in drawn if mode == "scratch")
    if len(sizes) < 2:
        return []
    sign = -1 if lower_is_better else 1
    values = np.array([[sign * drawn["scratch", size].values[metric]] for size in sizes])
    draws = np.stack([sign * drawn["scratch", size].draws[metric] for size in sizes])
    found = []
    for (mode, labels), own in drawn.items():
        if mode in CONTROLS or metric not in own.values:
            continue
        (needed,) = _needed(sizes, values, np.array([sign * own.values[metric]]))
        # Inverted, because nothing lies between a number and more than the most.
        low, high = np.quantile(
            _needed(sizes, draws, sign * own.draws[metric]), [0.025, 0.975], method="inverted_cdf"
        )
        numbers = (float(number) if np.isfinite(number) else None for number in (needed, low, high))
        found.append(
            Worth(mode=mode, labels=labels, **dict(zip(("needed", "low", "high"), numbers, strict=True)),
                  least=sizes[0], most=sizes[-1])
        )  # fmt: skip
    return found


def _needed(sizes: Sequence[int], scratch: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(n,) labels at which the rising hull of `scratch` (sizes, n) reaches `wanted` (n,); inf beyond the last size."""
    hull = np.maximum.accumulate(scratch, axis=0)
    logs = np.log(sizes)
    needed = np.full(len(wanted), np.inf)
    needed[wanted <= hull[0]] = sizes[0]
    for below, above, left, right in zip(hull[:-1], hull[1:], logs[:-1], logs[1:], strict=True):
        inside = np.isinf(needed) & (wanted > below) & (wanted <= above)
        share = (wanted - below)[inside] / (above - below)[inside]
        needed[inside] = np.exp(left + share * (right - left))
    return needed


def _history(model: Scored, metric: str) -> list[tuple[int, float]]:
    """Steps and the metric on validation rows; empty where nothing was trained."""
    path, name = model.adapted / "history.parquet", f"eval_{metric}"
    if not path.is_file():
        return []
    frame = pl.read_parquet(path)
    if name not in frame.columns:
        return []
    return [(int(step), float(value)) for step, value in frame.select("step", name).drop_nulls().rows()]


def _paces(places: Mapping[Place, Sequence[Scored]], metric: str, lower_is_better: bool) -> list[Pace]:
    sign, found = -1 if lower_is_better else 1, []
    for (mode, labels), models in places.items():
        controls = {model.summary["seed"]: model for model in places.get(("scratch", labels), ())}
        of_scratch, own, seeds = [], [], 0
        for model in models:
            curve, control = _history(model, metric), controls.get(model.summary["seed"])
            goal = _history(control, metric) if control is not None else []
            if mode in CONTROLS or not curve or not goal:
                continue
            seeds += 1
            best = max(sign * value for _, value in goal)
            of_scratch.append(next(step for step, value in goal if sign * value >= best))
            own += [step for step, value in curve if sign * value >= best][:1]
        if seeds:
            steps = float(np.mean(own)) if own else None
            scratch = float(np.mean(of_scratch))
            found.append(
                Pace(mode=mode, labels=labels, scratch=scratch, steps=steps, reached=len(own), seeds=seeds)
            )
    return found


def _curves(places: Mapping[Place, Sequence[Scored]], metric: str) -> list[Curve]:
    found = []
    for (mode, labels), models in places.items():
        by_step: dict[int, list[float]] = {}
        for model in models:
            for step, value in _history(model, metric):
                by_step.setdefault(step, []).append(value)
        whole = {step: values for step, values in by_step.items() if len(values) == len(models)}
        if len(whole) > 1:
            means = tuple(float(np.mean(values)) for values in whole.values())
            found.append(Curve(mode=mode, labels=labels, steps=tuple(whole), values=means))
    return found
