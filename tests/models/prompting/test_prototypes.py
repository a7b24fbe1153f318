"""Classes by similarity to the means of a few examples."""

import numpy as np

from models.prompting.prototypes import logits


def test_each_state_is_of_the_class_with_the_nearest_mean() -> None:
    generator = np.random.default_rng(0)
    centers = 3 * np.eye(3, 8)
    shown = np.concatenate([center + 0.1 * generator.normal(size=(4, 8)) for center in centers])
    scores = logits(centers[[2, 0, 1]], shown, [0] * 4 + [1] * 4 + [2] * 4, classes=3)
    assert scores.argmax(axis=1).tolist() == [2, 0, 1]


def test_what_all_vectors_share_changes_nothing() -> None:
    generator = np.random.default_rng(1)
    states, shown = generator.normal(size=(5, 8)), generator.normal(size=(6, 8))
    labels, common = [0, 0, 1, 1, 2, 2], 100 * generator.normal(size=8)
    assert np.allclose(logits(states, shown, labels, 3), logits(states + common, shown + common, labels, 3))


def test_a_class_without_an_example_is_never_chosen() -> None:
    scores = logits(np.eye(2), np.eye(2), [0, 2], classes=3)
    assert (scores[:, 1] == -np.inf).all()
    assert scores.argmax(axis=1).tolist() == [0, 2]
