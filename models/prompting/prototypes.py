"""Classes by similarity: a state belongs to the class whose labelled examples have the nearest mean.

J. Snell, K. Swersky and R. Zemel, Prototypical Networks for Few-shot Learning, NeurIPS 2017, without the training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TEMPERATURE = 0.05
"""What cosines are divided by, to be read as logits; the ranking does not depend on it."""


def logits(states: np.ndarray, shown: np.ndarray, labels: Sequence[int], classes: int) -> np.ndarray:
    """(states, classes): cosine to the mean of each class's examples, over `TEMPERATURE`; -inf for one without any.

    The mean of all examples, classes weighing the same, is taken off first: vectors of a pretrained model share a large
    common part that distinguishes nothing.

    Args:
        states: (states, width) of what is to be classified.
        shown: (examples, width), with `labels` (examples,).
    """
    numbers = np.asarray(labels)
    means = np.stack(
        [
            shown[numbers == number].mean(axis=0)
            if (numbers == number).any()
            else np.full(shown.shape[1], np.nan)
            for number in range(classes)
        ]
    )
    known = ~np.isnan(means[:, 0])
    center = means[known].mean(axis=0)
    scores = np.full((len(states), classes), -np.inf)
    scores[:, known] = _unit(states - center) @ _unit(means[known] - center).T / TEMPERATURE
    return scores


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
