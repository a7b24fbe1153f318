"""Whether a model is as often right as it says.

The expected calibration error is the mean distance between confidence and share of right predictions over 15 equal bins
of confidence: M. Naeini, G. Cooper and M. Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning
(AAAI 2015); C. Guo et al., On Calibration of Modern Neural Networks (ICML 2017).
"""

from typing import Any

import numpy as np

from models.bootstrap import resampled

BINS = 15


def measured(confidences: np.ndarray, right: np.ndarray, resamples: int, seed: int) -> dict[str, Any]:
    """`value`, `low` and `high` of the expected calibration error, and its `bins`: `rows`, mean `confidence`, and the
    share `right`.

    The interval is the basic bootstrap's (A. Davison and D. Hinkley, Bootstrap Methods and their Application, 1997, ch.
    5): a resample strays from a perfect line by chance once more than the rows do, which a percentile interval would
    count as error.

    Args:
        confidences: how sure each statement is (rows, statements a row).
        right: whether it is true, likewise.
    """
    places = np.minimum((confidences * BINS).astype(int), BINS - 1)
    one_hot = np.eye(BINS)[places]  # (rows, statements, bins)
    gaps = ((confidences - right)[..., None] * one_hot).sum(axis=1)
    totals = np.hstack([gaps, np.full((len(gaps), 1), confidences.shape[1])])
    found = resampled(totals, _error, resamples, seed)
    value = found.values["ece"]
    low, high = np.quantile(found.draws["ece"], [0.025, 0.975])
    return {
        "value": value,
        "low": max(0.0, min(value, 2 * value - float(high))),
        "high": min(1.0, max(value, 2 * value - float(low))),
        "bins": _bins(confidences.ravel(), right.ravel(), places.ravel()),
    }


def _error(totals: np.ndarray) -> dict[str, np.ndarray]:
    return {"ece": np.abs(totals[..., :-1]).sum(axis=-1) / totals[..., -1]}


def _bins(confidences: np.ndarray, right: np.ndarray, places: np.ndarray) -> list[dict[str, float]]:
    """Those that are not empty."""
    return [
        {
            "rows": int(inside.sum()),
            "confidence": float(confidences[inside].mean()),
            "right": float(right[inside].mean()),
        }
        for number in range(BINS)
        if (inside := places == number).any()
    ]
