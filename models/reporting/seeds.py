"""Scores of several seeds as one: means over seeds, intervals over seeds and test rows, and what each mode gains."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from models.bootstrap import Resampled, difference, interval
from models.modes import REFERENCES
from models.reporting.data import Gain, Score
from models.reporting.parts import Interval, Verdict
from models.reporting.resampling import Folders, Resampling


def over_seeds(scores: Mapping[Path, Score], resampling: Resampling) -> list[tuple[Score, Folders]]:
    """Scores by the folder of `score`, those that differ in the seed alone as one; each with its folders."""
    places: dict[tuple[str, int], dict[int, Path]] = {}
    for folder, one in scores.items():
        places.setdefault((one.mode, one.labels), {})[one.seed] = folder
    return [
        (_mean([scores[folder] for folder in folders.values()], folders, resampling), folders)
        for folders in places.values()
    ]


def _mean(scores: Sequence[Score], folders: Folders, resampling: Resampling) -> Score:
    """The first of the scores with the means of all."""
    first = scores[0]
    if len(scores) == 1:
        return first
    leaks, twins = (
        json.loads((folders[first.seed] / "details.json").read_text(encoding="utf-8")).get(name, {})
        for name in ("without_leaks", "without_duplicates")
    )
    validation = [item.validation for item in scores if item.validation is not None]
    means = {
        "metrics": _bounded(resampling.of(folders)),
        "without_leaks": _bounded(resampling.of(folders, leaks["at"])) if leaks.get("metrics") else {},
        "without_duplicates": _bounded(resampling.of(folders, twins["at"])) if twins.get("metrics") else {},
        "validation": float(np.mean(validation)) if validation else None,
        "dropped": sum(item.dropped for item in scores),
        "by_seed": tuple(scores),
    }
    return first.model_copy(update=means)


def _bounded(found: Resampled) -> dict[str, Interval]:
    return {
        name: Interval(value=value, **interval(found.draws[name])) for name, value in found.values.items()
    }


def gains(scores: Sequence[tuple[Score, Folders]], resampling: Resampling) -> tuple[Gain, ...]:
    """Each model that has learnt minus each reference, paired on the same test rows and seeds.

    A control has as many labels; the untrained model has no labels, and is the same for every seed.

    Args:
        scores: each with the folders of `score`, which hold the statistics of the test rows in their order.
    """
    found = []
    for transferred, folders in scores:
        if transferred.mode in REFERENCES:
            continue
        for control, others in scores:
            if control.mode in REFERENCES and (transferred.labels == control.labels or control.transferred):
                both = resampling.pair(folders, others, drawn=not control.transferred)
                differences = both and difference(*both, resampling.downstream.lower_is_better)
                found += [_gain(transferred, control, *item) for item in (differences or {}).items()]
    return tuple(sorted(found, key=lambda gain: REFERENCES.index(gain.against)))


def verdict(values: Mapping[str, float | bool]) -> Verdict:
    """A difference in a word."""
    return "better" if values["better"] else "worse" if values["worse"] else "unclear"


def _gain(transferred: Score, control: Score, metric: str, values: dict[str, float | bool]) -> Gain:
    return Gain(
        mode=transferred.mode,
        against=control.mode,
        labels=transferred.labels,
        metric=metric,
        verdict=verdict(values),
        **{bound: values[bound] for bound in ("value", "low", "high")},
    )
