"""How sure a score is: percentile bootstrap over rows, and over draws where there are several.

Metrics are functions of summed per-row statistics, so a resample of the rows is a weight for each row and a
bootstrap is one matrix product (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13). A draw is a
choice of training rows or of demonstrations by another seed. There are few of them, and two, drawn again with
replacement, would spread half as much as they should. So draws have normal weights, by which their mean has the
variance S²/D of a mean of D (a parametric bootstrap, ibid. section 6.5). With two or three draws S is itself a rough
guess: where nothing but draws differs, a nominal 5 % of false differences is 10 % with three and 16 % with two.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from models.memo import MEMO

Metrics = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Each metric (…) from summed statistics (…, k)."""

LEVEL = 0.95
_KEPT = 1 << 26
"""Rows times resamples, a byte each, that are drawn once for all scores of as many rows."""


@dataclass(frozen=True)
class Resampled:
    """Each metric's value, the mean over draws, and its values in the resamples (resamples,).

    Equal seeds draw equal rows, and give equal weights to as many draws: two systems whose draws are of the same seeds,
    in the same order, are compared pair by pair.
    """

    values: dict[str, float]
    draws: dict[str, np.ndarray]


def resampled(statistics: np.ndarray, metrics: Metrics, resamples: int, seed: int) -> Resampled:
    """
    Args:
        statistics: per-row sufficient statistics (rows, k), or of several draws (draws, rows, k).
        metrics: from totals (…, k).
    """
    stacked = statistics if statistics.ndim == 3 else statistics[None]
    count = len(stacked)
    of_rows = metrics(_totals(stacked, resamples, seed))
    values = metrics(stacked.sum(axis=1))
    weights = np.random.default_rng([seed, count]).standard_normal((resamples, count))
    weights = (weights - weights.mean(axis=1, keepdims=True)) / np.sqrt(count * max(1, count - 1))
    draws = {
        name: sample.mean(axis=0) + weights @ (values[name] - values[name].mean())
        for name, sample in of_rows.items()
    }
    return Resampled({name: float(value.mean()) for name, value in values.items()}, draws)


def intervals(
    statistics: np.ndarray, metrics: Metrics, resamples: int, seed: int
) -> dict[str, dict[str, float]]:
    """Value and 95 % interval of each metric: `{name: {value, low, high}}`; arguments are those of `resampled`."""
    sample = resampled(statistics, metrics, resamples, seed)
    return {name: {"value": value, **interval(sample.draws[name])} for name, value in sample.values.items()}


def paired(
    a: np.ndarray,
    b: np.ndarray,
    metrics: Metrics,
    resamples: int,
    seed: int,
    lower_is_better: frozenset[str] = frozenset(),
) -> dict[str, dict[str, float | bool]]:
    """Difference a - b of each metric that both have, on the same rows: `{name: {value, low, high, better, worse}}`.

    Args:
        a: statistics of one system (rows, k); row i of `b` (rows, k) is the same test row.
    """
    if a.shape != b.shape:
        raise ValueError(f"paired statistics must be of the same rows, got shapes {a.shape} and {b.shape}")
    return difference(
        resampled(a, metrics, resamples, seed), resampled(b, metrics, resamples, seed), lower_is_better
    )


def difference(
    a: Resampled, b: Resampled, lower_is_better: frozenset[str] = frozenset()
) -> dict[str, dict[str, float | bool]]:
    """a - b of each metric that both have, resampled alike: `{name: {value, low, high, better, worse}}`.

    `better` means that a's interval of the difference lies wholly on the good side of 0, `worse` on the bad side.
    """
    differences: dict[str, dict[str, float | bool]] = {}
    for name in [name for name in a.values if name in b.values]:
        bounds = interval(a.draws[name] - b.draws[name])
        above, below = bounds["low"] > 0, bounds["high"] < 0
        better, worse = (below, above) if name in lower_is_better else (above, below)
        differences[name] = {
            "value": a.values[name] - b.values[name],
            **bounds,
            "better": better,
            "worse": worse,
        }
    return differences


def interval(draws: np.ndarray) -> dict[str, float]:
    """`{low, high}`: the middle 95 % of the resamples."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"low": float(low), "high": float(high)}


def _totals(statistics: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Summed statistics (draws, resamples, k) of rows drawn with replacement; equal seeds draw equal rows."""
    rows = statistics.shape[1]
    chunks: Iterable[np.ndarray] = _counts(rows, resamples, seed)
    if rows * resamples <= _KEPT:
        key = ("resamples", rows, resamples, seed)
        chunks = MEMO.once(key, lambda: [*_counts(rows, resamples, seed)], lambda _: rows * resamples)
    return np.concatenate([counts.astype(np.float64) @ statistics for counts in chunks], axis=1)


def _counts(rows: int, resamples: int, seed: int, chunk: int = 100) -> Iterator[np.ndarray]:
    """How often each resample holds each row, (at most `chunk`, rows) at a time."""
    generator = np.random.default_rng(seed)
    for start in range(0, resamples, chunk):
        count = min(chunk, resamples - start)
        drawn = generator.integers(rows, size=(count, rows)) + rows * np.arange(count)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=count * rows).reshape(count, rows)
        yield counts.astype(np.min_scalar_type(counts.max(initial=0)))
