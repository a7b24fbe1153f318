"""From the folders of finished steps to a grid."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.adapted import SUMMARY
from models.downstream import Downstream
from models.modes import CONTROLS, MODES
from models.reporting.collect import dropped, statistics, verdict
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

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What `adapt` says of itself."""
        return json.loads((self.adapted / SUMMARY).read_text(encoding="utf-8"))

    @cached_property
    def details(self) -> dict[str, Any]:
        """What `score` found beside the metrics."""
        return json.loads((self.score / "details.json").read_text(encoding="utf-8"))


def grid(
    names: Mapping[str, Any], downstream: Downstream, models: Sequence[Scored], resamples: int, seed: int
) -> Grid:
    """All cells of an entry, compared.

    Args:
        names: the fields of the grid that say what it is of.
        models: every seed of every cell; their test rows are the same, in the same order.
    """
    places = _places(models)
    resampling = _Resampling(downstream, resamples, seed)
    drawn = {place: resampling.of(found) for place, found in places.items()}
    details = models[0].details
    headline = downstream.headline
    return Grid(
        **names,
        downstream=downstream.kind,
        metric=headline,
        lower_is_better=headline in downstream.lower_is_better,
        test_rows=details["rows"],
        chance=details.get("chance", {}).get(headline),
        leaked_rows=len(details.get("without_leaks", {}).get("leaked", ())),
        cells=tuple(_cell(place, places, resampling) for place in places),
        worths=tuple(worths(drawn, headline, headline in downstream.lower_is_better)),
        paces=tuple(_paces(places, headline, headline in downstream.lower_is_better)),
        curves=tuple(_curves(places, headline)),
    )


Seeds = Mapping[int, Scored]
"""The models of a cell by their seed."""


def _places(models: Sequence[Scored]) -> dict[Place, dict[int, Scored]]:
    """The models of each cell by seed; modes in their usual order, numbers of labels ascending."""
    found: dict[Place, dict[int, Scored]] = {}
    for model in models:
        summary = model.summary
        found.setdefault((summary["mode"], summary["rows"]["train"]), {})[summary["seed"]] = model
    order = sorted(found, key=lambda place: (MODES.index(place[0]), place[1]))  # type: ignore[arg-type]
    return {place: dict(sorted(found[place].items())) for place in order}


@dataclass(frozen=True)
class _Resampling:
    """The same resamples for all cells."""

    downstream: Downstream
    resamples: int
    seed: int
    made: dict[tuple[object, ...], Resampled] = field(default_factory=dict)
    """By the folders of `score` and the rows left out: a control is compared with many cells, and resampled once."""

    def of(self, models: Seeds, left_out: Sequence[int] = ()) -> Resampled:
        """A cell. Of several seeds each is one draw, its demonstrations pooled; of a single one they are the draws.

        Args:
            left_out: places of test rows that do not count.
        """
        folders = [model.score for model in models.values()]
        key = (*folders, *left_out)
        if key not in self.made:
            found = [np.delete(statistics(folder), left_out, axis=1) for folder in folders]
            draws = found[0] if len(found) == 1 else np.stack([of_seed.mean(axis=0) for of_seed in found])
            self.made[key] = resampled(draws, self.downstream.metrics, self.resamples, self.seed)
        return self.made[key]

    def value(self, model: Scored) -> float:
        """The headline metric of one seed, the mean over its draws."""
        totals = statistics(model.score).sum(axis=1)
        return float(self.downstream.metrics(totals)[self.downstream.headline].mean())

    def minus(self, models: Seeds, control: Seeds) -> Difference | None:
        """The difference in the headline metric, over the seeds that both have; None where there are none."""
        shared = models.keys() & control.keys()
        if not shared:
            return None
        both = [
            self.of({seed: model for seed, model in side.items() if seed in shared})
            for side in (models, control)
        ]
        found = difference(both[0], both[1], self.downstream.lower_is_better).get(self.downstream.headline)
        if found is None:
            return None
        return Difference(**{name: found[name] for name in ("value", "low", "high")}, verdict=verdict(found))


def _cell(place: Place, places: Mapping[Place, Seeds], resampling: _Resampling) -> Cell:
    (mode, labels), models = place, places[place]
    own, headline = resampling.of(models), resampling.downstream.headline
    found = list(models.values())
    against = {
        control: minus
        for control in CONTROLS
        if mode != control
        and (control, labels) in places
        and (minus := resampling.minus(models, places[control, labels])) is not None
    }
    leaks = found[0].details.get("without_leaks", {})
    without = resampling.of(models, leaks["leaked_at"]) if leaks.get("metrics") else None
    memories = [model.memory for model in found if model.memory is not None]
    return Cell(
        mode=mode,
        labels=labels,
        seeds=tuple(models),
        metrics={name: _interval(own, name) for name in own.values},
        without_leaks=_interval(without, headline) if without else None,
        by_seed=tuple(resampling.value(model) for model in found),
        against=against,
        trainable_parameters=found[0].summary["trainable_parameters"],
        dropped=sum(dropped(model.predictions) for model in found),
        seconds=float(np.mean([model.seconds for model in found])),
        memory=max(memories, default=None),
    )


def _interval(found: Resampled, metric: str) -> Interval:
    return Interval(value=found.values[metric], **interval(found.draws[metric]))


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


def _paces(places: Mapping[Place, Seeds], metric: str, lower_is_better: bool) -> list[Pace]:
    sign, found = -1 if lower_is_better else 1, []
    for (mode, labels), models in places.items():
        controls = places.get(("scratch", labels), {})
        shared = [seed for seed in models if seed in controls] if mode not in CONTROLS else []
        curves = {seed: (_history(models[seed], metric), _history(controls[seed], metric)) for seed in shared}
        curves = {seed: both for seed, both in curves.items() if all(both)}
        steps: list[tuple[int, int]] = []
        for own, goal in curves.values():
            best = max(sign * value for _, value in goal)
            there = [
                next((step for step, value in curve if sign * value >= best), None) for curve in (goal, own)
            ]
            steps += [(there[0], there[1])] if there[0] is not None and there[1] is not None else []
        if curves:
            scratch, own_steps = np.mean(steps, axis=0).tolist() if steps else (None, None)
            found.append(
                Pace(
                    mode=mode,
                    labels=labels,
                    scratch=scratch,
                    steps=own_steps,
                    reached=len(steps),
                    seeds=len(curves),
                )
            )
    return found


def _curves(places: Mapping[Place, Seeds], metric: str) -> list[Curve]:
    found = []
    for (mode, labels), models in places.items():
        by_step: dict[int, list[float]] = {}
        for model in models.values():
            for step, value in _history(model, metric):
                by_step.setdefault(step, []).append(value)
        whole = {step: values for step, values in by_step.items() if len(values) == len(models)}
        if len(whole) > 1:
            means = tuple(float(np.mean(values)) for values in whole.values())
            found.append(Curve(mode=mode, labels=labels, steps=tuple(whole), values=means))
    return found
