"""Probabilities as often right as they say, and no prediction changed."""

import numpy as np
import polars as pl
import pytest

from models.adapted import reliability
from models.downstream.classification import Classification

NAMES = ("a", "b", "c")


def sure(count: int, by: float, seed: int = 1) -> tuple[pl.DataFrame, np.ndarray]:
    """Rows whose labels follow logits, and those logits, of a model that is `by` times too sure."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (count, len(NAMES)))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = [NAMES[generator.choice(len(NAMES), p=row)] for row in chances]
    ids = [str(number) for number in range(count)]
    return pl.DataFrame({"id": ids, "label": labels}), by * logits


def tuned(rows: pl.DataFrame, logits: np.ndarray) -> Classification:
    plain = Classification(classes=NAMES)
    return plain.tuned_on(rows, lambda own: own.decode(list(logits), [], rows))


@pytest.mark.parametrize("by", [0.4, 3.0])
def test_the_temperature_that_made_a_model_too_sure_is_found(by: float) -> None:
    rows, logits = sure(3000, by)
    made = tuned(rows, logits)
    assert made.temperature == pytest.approx(by, rel=0.08)
    test, others = sure(3000, by, seed=2)
    before, after = (own.decode(list(others), [], test) for own in (Classification(classes=NAMES), made))
    assert before["prediction"].equals(after["prediction"])
    certainty = made.certainty(test, after)
    assert certainty is not None
    errors = [
        reliability.measured(item, certainty.right, 200, 1) for item in (certainty.before, certainty.after)
    ]
    assert errors[0]["low"] > 0.08 > 0.03 > errors[1]["high"]
    assert sum(item["rows"] for item in errors[1]["bins"]) == 3000


def test_a_few_rows_that_are_all_right_do_not_make_a_model_certain() -> None:
    rows = pl.DataFrame({"id": ["1", "2", "3"], "label": ["a", "b", "c"]})
    logits = 2.0 * np.eye(3)
    made = tuned(rows, logits)
    assert made.temperature is not None and 0.4 < made.temperature < 1
    assert max(map(max, made.decode(list(logits), [], rows)["probabilities"])) < 0.995


def test_what_a_recipe_sets_is_left_alone() -> None:
    rows, logits = sure(100, 3.0)

    def predicted(own: Classification) -> pl.DataFrame:
        return own.decode(list(logits), [], rows)

    for own in (Classification(classes=NAMES, calibrate=False), Classification(classes=NAMES, temperature=2)):
        assert own.tuned_on(rows, predicted) == own


def test_of_labels_the_threshold_is_the_best_on_validation_rows() -> None:
    generator = np.random.default_rng(1)
    chances = generator.uniform(0, 0.6, (800, 2))
    rows = pl.DataFrame(
        {
            "id": [str(number) for number in range(800)],
            "labels": [
                [NAMES[at] for at in np.flatnonzero(row)] for row in generator.random((800, 2)) < chances
            ],
        }
    )
    plain = Classification(target="labels", classes=NAMES[:2])
    logits = np.log(chances / (1 - chances))

    def f1(own: Classification) -> float:
        return own.evaluate(rows, own.decode(list(logits), [], rows))["micro_f1"]

    made = plain.tuned_on(rows, lambda own: own.decode(list(logits), [], rows))
    others = [f1(plain.model_copy(update={"threshold": at / 20})) for at in range(1, 20)]
    assert (
        made.temperature == pytest.approx(1, abs=0.1) and made.threshold is not None and made.threshold < 0.4
    )
    assert f1(made) >= max(others) - 0.01 and f1(made) > f1(plain) + 0.1
