"""How long a way trains, and which settings it tries."""

import pytest

from models.transfer.finetune import Finetune
from models.tuning.hyperparameters import Setting


def test_each_rate_is_tried_with_each_treatment_of_the_embeddings() -> None:
    way = Finetune(learning_rates=(1e-3, 1e-2), train_embeddings=(True, False))
    assert [str(setting) for setting in way.settings()] == [
        "0.001", "0.001, embeddings frozen", "0.01", "0.01, embeddings frozen",
    ]  # fmt: skip
    assert way.without_search().settings() == [Setting(1e-3, True)]


@pytest.mark.parametrize(("examples", "steps"), [(8, 20), (100, 25), (101, 26)])
def test_few_rows_are_read_more_often(examples: int, steps: int) -> None:
    assert Finetune(epochs=2, batch_size=8, min_steps=20).steps(examples) == steps


def test_the_optimiser_has_the_rate_of_the_trial_and_falls_to_0() -> None:
    plan = Finetune(optimizer="muon", weight_decay=0.2, warmup=0.5).optimizer_at(0.01)
    assert (plan.kind, plan.learning_rate, plan.weight_decay, plan.schedule) == ("muon", 0.01, 0.2, "linear")
    assert plan.rate(4, 10) == pytest.approx(0.6) and plan.rate(9, 10) == pytest.approx(0.1)
