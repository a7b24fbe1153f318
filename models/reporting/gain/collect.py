"""From the folders of finished steps to a grid."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.bootstrap import Resampled, difference, interval
from models.interfaces.downstream import Downstream
from models.modes import CONTROLS, modes
from models.reporting.collect import dropped
from models.reporting.gain.grid import Cell, Difference, Grid
from models.reporting.gain.saved import curves, paces, worths
from models.reporting.gain.scored import Place, Scored, Seeds
from models.reporting.parts import Interval
from models.reporting.resampling import Folders, Resampling, statistics
from models.reporting.seeds import verdict


def grid(
    names: Mapping[str, Any], downstream: Downstream, models: Sequence[Scored], resamples: int, seed: int
) -> Grid:
    """All cells of an entry, compared.

    Args:
        names: the fields of the grid that say what it is of.
        models: every seed of every cell; their test rows are the same, in the same order.
    """
    places = _places(models)
    resampling = Resampling(downstream, resamples, seed)
    drawn = {place: resampling.of(_folders(found)) for place, found in places.items()}
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


def _folders(models: Seeds) -> Folders:
    return {seed: model.score for seed, model in models.items()}


def _value(model: Scored, downstream: Downstream) -> float:
    """The headline metric of one seed, the mean over its draws."""
    totals = statistics(model.score).sum(axis=1)
    return float(downstream.metrics(totals)[downstream.headline].mean())


def _minus(models: Seeds, control: Seeds, resampling: Resampling) -> Difference | None:
    """The difference in the headline metric, over the seeds that both have; None where there are none."""
    both = resampling.pair(_folders(models), _folders(control))
    if both is None:
        return None
    downstream = resampling.downstream
    found = difference(*both, downstream.lower_is_better).get(downstream.headline)
    if found is None:
        return None
    return Difference(**{name: found[name] for name in ("value", "low", "high")}, verdict=verdict(found))


def _cell(place: Place, places: Mapping[Place, Seeds], resampling: Resampling) -> Cell:
    (mode, labels), models = place, places[place]
    own, headline = resampling.of(_folders(models)), resampling.downstream.headline
    found = list(models.values())
    against = {
        control: minus
        for control in CONTROLS
        if mode != control
        and (control, labels) in places
        and (minus := _minus(models, places[control, labels], resampling)) is not None
    }
    leaks = found[0].details.get("without_leaks", {})
    without = resampling.of(_folders(models), leaks["at"]) if leaks.get("metrics") else None
    memories = [model.memory for model in found if model.memory is not None]
    return Cell(
        mode=mode,
        labels=labels,
        seeds=tuple(models),
        metrics={name: _interval(own, name) for name in own.values},
        without_leaks=_interval(without, headline) if without else None,
        by_seed=tuple(_value(model, resampling.downstream) for model in found),
        against=against,
        trainable_parameters=found[0].summary["trainable_parameters"],
        dropped=sum(dropped(model.predictions) for model in found),
        seconds=float(np.mean([model.seconds for model in found])),
        memory=max(memories, default=None),
    )


def _interval(found: Resampled, metric: str) -> Interval:
    return Interval(value=found.values[metric], **interval(found.draws[metric]))
