"""What transfer saves: labels, by the scores of scratch, and training steps, by its curves."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.bootstrap import Resampled
from models.modes import CONTROLS
from models.reporting.gain.grid import Curve, Pace, Worth
from models.reporting.gain.scored import Place, Seeds


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


def paces(places: Mapping[Place, Seeds], metric: str, lower_is_better: bool) -> list[Pace]:
    sign, found = -1 if lower_is_better else 1, []
    for (mode, labels), models in places.items():
        controls = places.get(("scratch", labels), {})
        shared = [seed for seed in models if seed in controls] if mode not in CONTROLS else []
        curves = {seed: (models[seed].history(metric), controls[seed].history(metric)) for seed in shared}
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


def curves(places: Mapping[Place, Seeds], metric: str) -> list[Curve]:
    found = []
    for (mode, labels), models in places.items():
        by_step: dict[int, list[float]] = {}
        for model in models.values():
            for step, value in model.history(metric):
                by_step.setdefault(step, []).append(value)
        whole = {step: values for step, values in by_step.items() if len(values) == len(models)}
        if len(whole) > 1:
            means = tuple(float(np.mean(values)) for values in whole.values())
            found.append(Curve(mode=mode, labels=labels, steps=tuple(whole), values=means))
    return found
