"""How sure a score is: percentile bootstrap over rows.

Metrics are functions of summed per-row statistics, so a resample of the rows is a weight for each row and a
bootstrap is one matrix product (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13).
"""

from collections.abc import Callable, Iterator

import numpy as np

Metrics = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Each metric (…) from summed statistics (…, k)."""

LEVEL = 0.95


def intervals(
    statistics: np.ndarray, metrics: Metrics, resamples: int, seed: int
) -> dict[str, dict[str, float]]:
    """Value and 95 % interval of each metric: `{name: {value, low, high}}`.

    Args:
        statistics: per-row sufficient statistics (rows, k).
        metrics: from totals (…, k).
    """
    values = metrics(statistics.sum(axis=0))
    draws = metrics(_totals(statistics, resamples, seed))
    return {name: {"value": float(value), **_interval(draws[name])} for name, value in values.items()}


def over_draws(
    statistics: np.ndarray, metrics: Metrics, resamples: int, seed: int
) -> dict[str, dict[str, float]]:
    """Mean over draws of each metric, and its 95 % interval over draws and rows: `{name: {value, low, high}}`.

    Each resample draws rows, and draws among the draws, both with replacement (A. Davison and D. Hinkley, Bootstrap
    Methods and their Application, 1997, section 3.8).

    Args:
        statistics: per-row sufficient statistics of each draw (draws, rows, k).
    """
    values = [metrics(of_draw.sum(axis=0)) for of_draw in statistics]
    draws = [metrics(_totals(of_draw, resamples, seed)) for of_draw in statistics]
    generator = np.random.default_rng([seed, len(statistics)])
    chosen = generator.integers(len(statistics), size=(resamples, len(statistics)))
    found = {}
    for name in values[0]:
        stacked = np.stack([item[name] for item in draws], axis=1)
        means = np.take_along_axis(stacked, chosen, axis=1).mean(axis=1)
        found[name] = {"value": float(np.mean([item[name] for item in values])), **_interval(means)}
    return found


def paired(
    a: np.ndarray,
    b: np.ndarray,
    metrics: Metrics,
    resamples: int,
    seed: int,
    lower_is_better: frozenset[str] = frozenset(),
) -> dict[str, dict[str, float | bool]]:
    """Difference a - b of each metric that both have, on the same rows: `{name: {value, low, high, better, worse}}`.

    `better` means that a's interval of the difference lies wholly on the good side of 0, `worse` on the bad side.

    Args:
        a: statistics of one system (rows, k); row i of `b` (rows, k) is the same test row.
    """
    if a.shape != b.shape:
        raise ValueError(f"paired statistics must be of the same rows, got shapes {a.shape} and {b.shape}")
    of_a, of_b = metrics(a.sum(axis=0)), metrics(b.sum(axis=0))
    draws_a, draws_b = (metrics(_totals(item, resamples, seed)) for item in (a, b))
    found: dict[str, dict[str, float | bool]] = {}
    for name in [name for name in of_a if name in of_b]:
        interval = _interval(draws_a[name] - draws_b[name])
        above, below = interval["low"] > 0, interval["high"] < 0
        better, worse = (below, above) if name in lower_is_better else (above, below)
        found[name] = {"value": float(of_a[name] - of_b[name]), **interval, "better": better, "worse": worse}
    return found


def _interval(draws: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"low": float(low), "high": float(high)}


def _totals(statistics: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Summed statistics (resamples, k) of rows drawn with replacement; equal seeds draw equal rows."""
    return np.concatenate([weights @ statistics for weights in _weights(len(statistics), resamples, seed)])


def _weights(rows: int, resamples: int, seed: int, chunk: int = 100) -> Iterator[np.ndarray]:
    """How often each resample holds each row, (at most `chunk`, rows) at a time, which bounds the memory."""
    generator = np.random.default_rng(seed)
    for start in range(0, resamples, chunk):
        count = min(chunk, resamples - start)
        yield np.stack(
            [np.bincount(generator.integers(rows, size=rows), minlength=rows) for _ in range(count)]
        ).astype(np.float64)
