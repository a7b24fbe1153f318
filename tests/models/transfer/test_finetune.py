"""Fine-tuning: all weights learn, or all but the embeddings."""

from pathlib import Path

import pytest
import torch

from models.backbone.heads import load
from tests.support.reviews import CONFIG, silent


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_frozen_embeddings_stay_as_they_are_and_both_ways_are_tried(make_problem, tmp_path: Path) -> None:
    problem = make_problem(tmp_path / "frozen", 160)
    config = CONFIG.model_copy(update={"train_embeddings": (False,), "linear_start": False})
    tuned = config.carry(problem, silent)
    start = config.start(problem).model()
    kept = load(tuned.model, problem.downstream)
    assert tuned.setting["best_step"] > 0
    assert torch.equal(kept.get_input_embeddings().weight, start.get_input_embeddings().weight)
    frozen = start.get_input_embeddings().weight.numel()
    assert tuned.trainable_parameters == start.num_parameters() - frozen
    both = CONFIG.model_copy(update={"train_embeddings": (True, False), "learning_rates": (1e-3,)})
    tried = both.carry(make_problem(tmp_path / "both"), silent).trials
    assert [trial.train_embeddings for trial in tried] == [True, False]
