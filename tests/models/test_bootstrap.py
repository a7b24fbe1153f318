"""Scores and intervals against independent formulas."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, f1_score

from models.bootstrap import intervals, paired
from models.downstream.classification import Classification

CLASSES = ("a", "b", "c")


def made_up(rows: int, right: float, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of three unequal classes, and predictions of which a share of `right` is right."""
    generator = np.random.default_rng(seed)
    gold = generator.choice(CLASSES, size=rows, p=[0.6, 0.3, 0.1])
    guess = np.where(generator.random(rows) < right, gold, generator.choice(CLASSES, size=rows))
    ids = [f"r{number}" for number in range(rows)]
    predictions = pl.DataFrame({"id": ids, "prediction": guess, "probabilities": [[1.0, 0.0, 0.0]] * rows})
    return pl.DataFrame({"id": ids, "text": ids, "label": gold}), predictions


@pytest.mark.parametrize("right", [0.0, 0.5, 1.0])
def test_classification_metrics_equal_sklearns(right: float) -> None:
    rows, predictions = made_up(300, right)
    scores = Classification(classes=CLASSES).evaluate(rows, predictions)
    assert scores["accuracy"] == pytest.approx(accuracy_score(rows["label"], predictions["prediction"]))
    assert scores["macro_f1"] == pytest.approx(
        f1_score(rows["label"], predictions["prediction"], average="macro")
    )


def test_labels_outside_the_classes_count_as_wrong() -> None:
    rows = pl.DataFrame({"id": ["1", "2", "3"], "label": ["a", "b", "z"]})
    predictions = pl.DataFrame({"id": ["1", "2", "3"], "prediction": ["a", "b", "a"]})
    scores = Classification(classes=("a", "b")).evaluate(rows, predictions)
    expected = f1_score(rows["label"], predictions["prediction"], average="macro", zero_division=0)
    assert scores == pytest.approx({"accuracy": 2 / 3, "macro_f1": expected})


def test_predictions_may_come_in_any_order() -> None:
    rows, predictions = made_up(100, 0.5)
    downstream = Classification(classes=CLASSES)
    assert downstream.evaluate(rows[::-1], predictions) == downstream.evaluate(rows, predictions)


def test_interval_of_accuracy_is_that_of_the_binomial() -> None:
    rows, predictions = made_up(2000, 0.7)
    downstream = Classification(classes=CLASSES)
    found = intervals(downstream.statistics(rows, predictions), downstream.metrics, resamples=1000, seed=1)[
        "accuracy"
    ]
    error = np.sqrt(found["value"] * (1 - found["value"]) / 2000)
    assert found["high"] - found["value"] == pytest.approx(1.96 * error, rel=0.1)
    assert found["value"] - found["low"] == pytest.approx(1.96 * error, rel=0.1)


def test_interval_of_macro_f1_equals_a_plain_loop_over_resamples() -> None:
    rows, predictions = made_up(200, 0.6)
    downstream = Classification(classes=CLASSES)
    found = intervals(downstream.statistics(rows, predictions), downstream.metrics, resamples=250, seed=3)[
        "macro_f1"
    ]
    generator = np.random.default_rng(3)
    gold, guess = rows["label"].to_numpy(), predictions["prediction"].to_numpy()
    draws = []
    for _ in range(250):
        chosen = generator.integers(200, size=200)
        draws.append(f1_score(gold[chosen], guess[chosen], average="macro"))
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))


def test_paired_difference_sees_what_single_intervals_hide() -> None:
    rows, weak = made_up(1000, 0.6)
    # The strong system is right wherever the weak one is, and on 30 rows more.
    wrong = (weak["prediction"] != rows["label"]).arg_true()[:30]
    strong = weak.with_columns(prediction=weak["prediction"].scatter(wrong, rows["label"][wrong]))
    downstream = Classification(classes=CLASSES)
    a, b = (downstream.statistics(rows, item) for item in (strong, weak))
    difference = paired(a, b, downstream.metrics, resamples=1000, seed=1)["accuracy"]
    assert difference["value"] == pytest.approx(0.03)
    assert difference["better"] and not difference["worse"]
    assert (
        intervals(a, downstream.metrics, 1000, 1)["accuracy"]["low"]
        < intervals(b, downstream.metrics, 1000, 1)["accuracy"]["high"]
    )
    assert paired(b, a, downstream.metrics, resamples=1000, seed=1)["accuracy"]["worse"]
    assert not paired(a, a, downstream.metrics, resamples=100, seed=1)["accuracy"]["better"]


def test_less_can_be_better() -> None:
    low, high = np.ones((50, 1)), np.full((50, 1), 2.0)
    metrics = lambda totals: {"perplexity": totals[..., 0]}  # noqa: E731
    assert paired(low, high, metrics, 100, 0, frozenset({"perplexity"}))["perplexity"]["better"]
    assert paired(low, high, metrics, 100, 0)["perplexity"]["worse"]


def test_several_draws_are_scored_by_their_mean_and_spread_over_both() -> None:
    good, poor = np.array([[1.0, 1.0]] * 40), np.array([[1.0, 1.0]] * 10 + [[0.0, 1.0]] * 30)
    share = lambda totals: {"share": totals[..., 0] / totals[..., 1]}  # noqa: E731
    found = intervals(np.stack([good, poor]), share, 1000, seed=1)["share"]
    assert found["value"] == pytest.approx((1.0 + 0.25) / 2)
    alone = intervals(poor, share, 1000, seed=1)["share"]
    assert found["high"] - found["low"] > alone["high"] - alone["low"]
    same = intervals(np.stack([poor, poor]), share, 1000, seed=1)["share"]
    assert same == pytest.approx(alone)


def test_the_interval_of_macro_f1_is_over_the_classes_of_all_rows() -> None:
    """A resample that misses a rare class has 0 there: the mean is over as many classes each time."""
    rows, predictions = made_up(60, 0.7, seed=3)
    rows = rows.with_columns(
        label=pl.when(pl.int_range(pl.len()) == 7)
        .then(pl.lit("c"))
        .otherwise(pl.when(pl.col("label") == "c").then(pl.lit("a")).otherwise("label"))
    )
    downstream = Classification(classes=CLASSES)
    found = intervals(downstream.statistics(rows, predictions), downstream.metrics, resamples=1000, seed=1)
    gold, guess = rows["label"].to_numpy(), predictions["prediction"].to_numpy()
    generator, scores = np.random.default_rng(1), []
    for _ in range(1000):
        chosen = generator.integers(len(gold), size=len(gold))
        scores.append(
            f1_score(gold[chosen], guess[chosen], labels=CLASSES, average="macro", zero_division=0.0)
        )
    low, high = np.quantile(scores, [0.025, 0.975])
    assert found["macro_f1"]["low"] == pytest.approx(low) and found["macro_f1"]["high"] == pytest.approx(high)
    assert low < found["macro_f1"]["value"] < high
