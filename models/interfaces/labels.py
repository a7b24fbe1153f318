"""How well each of a few labels, classes or types of entities say, is found, and how sure predictions are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from models.late import np

Rates: TypeAlias = "dict[str, np.ndarray]"
"""Of one label: `rows` that have it, `precision`, `recall` and `f1`."""


def rates(right: np.ndarray, predicted: np.ndarray, gold: np.ndarray) -> Rates:
    """From how often a label was rightly predicted, predicted at all, and true (…); what nothing speaks of is 0, as
    scikit-learn has it."""
    return {
        "rows": gold,
        "precision": share(right, predicted),
        "recall": share(right, gold),
        "f1": share(2 * right, predicted + gold),
    }


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole`; 0 of nothing."""
    return np.divide(part, whole, out=np.zeros_like(whole, dtype=np.float64), where=whole > 0)


@dataclass(frozen=True)
class Certainty:
    """How sure predictions are of what they say (rows, statements a row), and how they would be without calibration."""

    before: np.ndarray
    after: np.ndarray
    right: np.ndarray
    """Whether it is true."""
