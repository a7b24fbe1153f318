"""From the folders of finished steps to a grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.bootstrap import Resampled, difference, interval, resampled
from models.interfaces.downstream import Downstream
from models.modes import CONTROLS, modes
from models.reporting.collect import dropped, statistics, verdict
from models.reporting.gain.grid import Cell, Difference, Grid
from models.reporting.gain.saved import curves, paces, worths
from models.reporting.gain.scored import Place, Scored, Seeds
from models.reporting.parts import Interval


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
        leaked_rows=len(details.get("without_leaks", {}).get("ids", ())),
        cells=tuple(_cell(place, places, resampling) for place in places),
        worths=tuple(worths(drawn, headline, headline in downstream.lower_is_better)),
        paces=tuple(paces(places, headline, headline in downstream.lower_is_better)),
        curves=tuple(curves(places, headline)),
    )


def _places(models: Sequence[Scored]) -> dict[Place, dict[int, Scored]]:
    """The models of each cell by seed; modes in their usual order, numbers of labels ascending."""
    found: dict[Place, dict[int, Scored]] = {}
    for model in models:
        summary = model.summary
        found.setdefault((summary["mode"], summary["rows"]["train"]), {})[summary["seed"]] = model
    listed = list(modes())
    order = sorted(found, key=lambda place: (listed.index(place[0]), place[1]))
    return {place: dict(sorted(found[place].items())) for place in order}


@dataclass(frozen=True)
class _Resampling:
    """The same resamples for all cells."""

    downstream: Downstream
    resamples: int
    seed: int
    made: dict[tuple[tuple[Path, ...], tuple[int, ...]], Resampled] = field(default_factory=dict)
    """By the folders of `score` and the rows left out: a control is compared with many cells, and resampled once."""

    def of(self, models: Seeds, left_out: Sequence[int] = ()) -> Resampled:
        """A cell. Of several seeds each is one draw, its demonstrations pooled; of a single one they are the draws.

        Args:
            left_out: places of test rows that do not count.
        """
        folders = tuple(model.score for model in models.values())
        key = (folders, tuple(left_out))
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
    without = resampling.of(models, leaks["at"]) if leaks.get("metrics") else None
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
