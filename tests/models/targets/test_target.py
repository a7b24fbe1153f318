"""Classes and scales: scores of pairs against independent formulas."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from models.downstream.classification import Classification
from models.downstream.pair import Pair
from models.errors import DataError
from models.targets.classes import Classes
from models.targets.scale import Scale
from models.targets.targeted import Targeted

values = st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=40)


@given(values, st.randoms())
def test_correlations_equal_scipys(gold: list[float], random) -> None:
    guess = [value if random.random() < 0.5 else random.uniform(-100, 100) for value in gold]
    if len(set(gold)) < 2 or len(set(guess)) < 2 or np.std(gold) < 1e-3 or np.std(guess) < 1e-3:
        return
    ids = [str(number) for number in range(len(gold))]
    scores = Pair(target="score", scale=(0.0, 1.0)).evaluate(
        pl.DataFrame({"id": ids, "score": gold}), pl.DataFrame({"id": ids, "prediction": guess})
    )
    assert scores["pearson"] == pytest.approx(pearsonr(gold, guess).statistic, abs=1e-6)
    assert scores["spearman"] == pytest.approx(spearmanr(gold, guess).statistic, abs=1e-9)


def test_predictions_that_do_not_vary_correlate_with_nothing() -> None:
    rows = pl.DataFrame({"id": ["a", "b", "c"], "score": [0.0, 2.5, 5.0]})
    same = pl.DataFrame({"id": ["a", "b", "c"], "prediction": [1.0, 1.0, 1.0]})
    found = Pair(target="score", scale=(0.0, 1.0)).evaluate(rows, same)
    assert (found["pearson"], found["spearman"]) == (0.0, 0.0)


def test_errors_are_in_the_units_of_the_scores() -> None:
    rows = pl.DataFrame({"id": ["a", "b", "c"], "score": [0.0, 2.0, 5.0]})
    said = pl.DataFrame({"id": ["a", "b", "c"], "prediction": [1.0, 2.0, 3.0]})
    found = Classification(target="score", scale=(0.0, 1.0)).evaluate(rows, said)
    assert found["mae"] == pytest.approx(1.0) and found["rmse"] == pytest.approx((5 / 3) ** 0.5)


def test_a_scale_is_learnt_in_its_own_units_and_said_in_the_rows() -> None:
    gold = pl.Series([0.0, 1.0, 4.0, 5.0])
    scale = Scale.of(gold)
    labels = np.array(scale.labels(gold))
    assert (labels.mean(), labels.std()) == pytest.approx((0.0, 1.0))
    assert scale.decode(labels)["prediction"].to_list() == pytest.approx(gold.to_list())


@pytest.mark.parametrize("downstream", [Classification(), Pair()], ids=lambda downstream: downstream.kind)
def test_validation_rows_need_one_label_that_a_training_row_has(downstream: Targeted) -> None:
    rows = downstream.examples()
    train, others = rows.with_columns(label=pl.lit("a")), rows.with_columns(label=pl.lit("b"))
    downstream.check_choice(train, pl.concat([others, train.head(1)]))
    with pytest.raises(
        DataError, match=r"none of the 8 validation rows .* are 'b' \(8\), .* 8 .* 'a' \(8\)\."
    ):
        downstream.check_choice(train, others)


def test_scores_that_are_all_the_same_are_refused() -> None:
    rows = Pair(target="score").examples().with_columns(score=pl.lit(3.0))
    with pytest.raises(DataError, match=r"all 8 training rows have score 3\.0"):
        Pair(target="score", scale=(0.0, 1.0)).check(rows)


def test_two_labels_that_no_class_has_are_not_the_same_for_that() -> None:
    gold = pl.Series(["중립", "중립", "긍정"])
    said = pl.DataFrame({"prediction": ["모름", "중립", "긍정"]})
    classes = Classes(("긍정", "부정"))
    assert classes.metrics(classes.statistics(gold, said).sum(axis=0))["accuracy"] == pytest.approx(2 / 3)
