"""Classes of unequal size: what balancing does to the loss, to what is drawn, and to what is learnt."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import f1_score
from sklearn.utils.class_weight import compute_class_weight

from models.adapted.predicting import predictions
from models.downstream.classification import Classification
from models.downstream.pair import Pair
from models.inference.inputs import Inputs
from models.targets.classes import balanced
from models.transfer.finetune import Finetune
from models.tuning.trial import Batches
from tests.support.reviews import CONFIG, silent

QUICK = CONFIG.model_copy(update={"learning_rates": (1e-2,), "word_dropout": 0.0})


def unbalanced(seed: int) -> pl.DataFrame:
    """95 rows of one class and 5 of another; of the texts that may be of either a fifth is of the rare one."""
    kinds = [("영화", "흔함")] * 75 + [("나쁜", "흔함")] * 20 + [("나쁜", "드묾")] * 5
    order = np.random.default_rng(seed).permutation(len(kinds))
    rows = [(f"{seed}-{at}", *kinds[number]) for at, number in enumerate(order)]
    return pl.DataFrame(rows, schema=["id", "text", "label"], orient="row")


def downstream(balance: str) -> Classification:
    train = unbalanced(1)
    made = Classification.model_validate({"kind": "classification", "balance": balance})
    return made.settle(train).learning_from(train)


def test_weights_are_those_of_scikit_learn() -> None:
    labels = unbalanced(1)["label"]
    expected = compute_class_weight("balanced", classes=np.array(["드묾", "흔함"]), y=labels.to_numpy())
    assert list(balanced(labels).values()) == pytest.approx(expected)
    assert downstream("none").class_weights == {}


def test_a_weighted_loss_counts_classes_alike() -> None:
    rows, logits = unbalanced(1), torch.randn(100, 2, generator=torch.Generator().manual_seed(1))
    goal = downstream("weights").goal()
    labels = torch.tensor(goal.labels(rows["label"]))
    of_each = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    expected = torch.stack([of_each[labels == label].mean() for label in (0, 1)]).mean()
    assert float(goal.loss(logits, labels)) == pytest.approx(float(expected))
    # And a batch counts by the weights of its rows, so that several make the step of one that holds them all.
    parts = [
        (float(goal.loss(logits[at], labels[at])), goal.weight(labels[at]))
        for at in (slice(30), slice(30, None))
    ]
    mean = sum(loss * weight for loss, weight in parts) / sum(weight for _, weight in parts)
    assert mean == pytest.approx(float(expected))


def test_sampled_rows_are_of_all_classes_alike_and_the_same_whenever_they_are_drawn(review_tokenizer) -> None:
    rows = unbalanced(1)

    def drawn(balance: str) -> list[list[int]]:
        inputs = Inputs(downstream(balance), review_tokenizer, rows, labelled=True)
        return [list(batch) for epoch in range(20) for batch in Batches(inputs, QUICK, seed=3).epoch(epoch)]

    for balance, share in (("sampling", 0.5), ("weights", 0.05), ("none", 0.05)):
        counts = Counter(rows["label"][at] for batch in drawn(balance) for at in batch)
        assert counts["드묾"] / counts.total() == pytest.approx(share, abs=0.03)
    assert drawn("sampling") == drawn("sampling")


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_a_balanced_model_finds_the_rare_class_and_so_does_its_baseline(make_problem, tmp_path: Path) -> None:
    def f1(balance: str) -> tuple[float, float]:
        own = downstream(balance)
        problem = replace(
            make_problem(tmp_path / balance), downstream=own, train=unbalanced(1), validation=unbalanced(2)
        )
        tuned = QUICK.carry(problem, silent)
        tuned.tokenizer.save_pretrained(tuned.model)
        rows = unbalanced(3)
        (found,) = predictions(Finetune().load(tuned.model.parent, own, "cpu"), own, rows)
        baseline = own.fit_baseline(problem.train, problem.validation, 1).predict(rows)
        rare = [item["prediction"] == "드묾" for item in (found, baseline)]
        one, other = (float(f1_score(rows["label"] == "드묾", item)) for item in rare)
        return one, other

    assert f1("none") == (0, 0)
    # A fifth of the texts in question is of the rare class, and all of its texts are among them.
    assert f1("weights") == f1("sampling") == (pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_what_has_no_classes_is_not_balanced() -> None:
    with pytest.raises(ValidationError, match=r"balance: weights is for classes, and the target is score"):
        Pair(target="score", balance="weights")
    with pytest.raises(ValidationError, match=r"class_weights: no such class 'good': did you mean 'goods'"):
        Classification(classes=("goods", "bad"), balance="weights", class_weights={"good": 2.0})
    with pytest.raises(ValidationError, match="balance is none"):
        Classification(classes=("good", "bad"), class_weights={"good": 2.0})
