"""Probabilities that are as often right as they say: one temperature, fitted on validation rows.

C. Guo, G. Pleiss, Y. Sun and K. Weinberger, On Calibration of Modern Neural Networks (ICML 2017): logits are divided by
one number, so that no prediction changes. A weak prior on it, log-normal around 1, counts as little as one row does:
without it few rows, or rows that are all right, would ask for certainty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from models.late import np

LOG_BOUNDS = (-3.0, 3.0)
"""Of the temperature's logarithm: between a twentieth and twenty."""
LEAST = 1e-30
"""Smallest probability whose logarithm is taken."""


def temperature(loss: Callable[[float], float]) -> float:
    """The temperature at which the summed negative log-likelihood of validation rows is least.

    Args:
        loss: of those rows at a temperature.
    """
    from scipy.optimize import minimize_scalar

    found: Any = minimize_scalar(
        lambda log: loss(float(np.exp(log))) + log * log / 2, bounds=LOG_BOUNDS, method="bounded"
    )
    return round(float(np.exp(found.x)), 4)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """(…, classes) log-probabilities."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """(…) probabilities of yes."""
    return 1 / (1 + np.exp(-np.clip(logits, -700, 700)))


def logits_of(probabilities: np.ndarray) -> np.ndarray:
    """The logits that a softmax makes these of."""
    return np.log(np.maximum(probabilities, LEAST))


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """The logits that a sigmoid makes these of."""
    return logits_of(probabilities) - logits_of(1 - probabilities)
