"""When to say that a question has no answer in its context.

A model says how much surer it is of no answer than of its best one, the margin; it abstains where that is more than a
threshold (Devlin et al., BERT, 2019, section 4.3). Validation rows choose the threshold by what answers are worth.
"""

from __future__ import annotations

from models.late import np

NEVER = 1e9
"""A threshold with which a model always gives its best answer."""


def threshold(margins: np.ndarray, answered: np.ndarray, abstained: np.ndarray) -> float:
    """The threshold at which rows are worth most together; of equal ones that nearest to 0.

    Args:
        margins: how much surer a model is of no answer, of each row.
        answered: what its best answer is worth.
        abstained: what no answer is worth.
    """
    known = np.isfinite(margins)
    order = np.argsort(margins[known], kind="stable")
    margins, answered, abstained = (item[known][order] for item in (margins, answered, abstained))
    if not len(margins):
        return 0.0
    # The first rows answer, the others abstain; rows of one margin do the same.
    totals = np.append(0.0, answered.cumsum()) + np.append(abstained[::-1].cumsum()[::-1], 0.0)
    low, high = np.append(-np.inf, margins), np.append(margins, np.inf)
    middle = np.concatenate([[margins[0] - 1], (margins[:-1] + margins[1:]) / 2, [margins[-1] + 1]])
    cuts = np.where((low <= 0) & (high > 0), 0.0, middle)
    possible = low < high
    best = possible & (totals >= totals[possible].max() - 1e-9)
    return float(min(cuts[best], key=abs))


def probability(margins: np.ndarray, threshold: float) -> np.ndarray:
    """How likely there is no answer: more than a half where the margin is more than the threshold."""
    return 1 / (1 + np.exp(np.clip(threshold - margins, -500, 500)))
