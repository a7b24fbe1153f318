"""Ways that train: chosen on validation rows, the same bytes whether or not they were interrupted."""

import hashlib
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from models.backbone.heads import load
from models.errors import DataError
from models.inference.inputs import Inputs
from models.interfaces.transfer import Tuned
from models.tuning.linear_start import fit_last_layer
from tests.support.reviews import CONFIG, silent


def digest(tuned: Tuned) -> str:
    return hashlib.sha256((tuned.model / "model.safetensors").read_bytes()).hexdigest()


FRUGAL = CONFIG.model_copy(
    update={
        "batch_size": 3,
        "gradient_accumulation": 3,
        "early_stopping": 1,
        "evaluations": 6,
        "precision": "bf16",
        "gradient_checkpointing": True,
    }
)


@pytest.mark.parametrize("config", [CONFIG, FRUGAL], ids=["plain", "frugal"])
@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_interrupted_anywhere_it_ends_with_the_same_weights(config, make_problem, tmp_path: Path) -> None:
    undisturbed = config.carry(make_problem(tmp_path / "once"), silent)

    class Killed(Exception):
        pass

    def kill_at(moment: int):
        def progress(done: int, total: int, text: str) -> None:
            if done == moment:
                raise Killed

        return progress

    for moment in (5, 14, 20) if config is CONFIG else (3, 14):
        with pytest.raises(Killed):
            config.carry(make_problem(tmp_path / "killed"), kill_at(moment))
    resumed = config.carry(make_problem(tmp_path / "killed"), silent)
    assert digest(resumed) == digest(undisturbed)
    assert (resumed.setting, resumed.metrics, resumed.trials) == (
        undisturbed.setting,
        undisturbed.metrics,
        undisturbed.trials,
    )


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_ended_trials_do_not_run_again(make_problem, tmp_path: Path) -> None:
    CONFIG.carry(make_problem(tmp_path), silent)
    steps: list[int] = []
    CONFIG.carry(make_problem(tmp_path), lambda done, total, text: steps.append(done))
    assert steps == []


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_it_learns_and_keeps_what_is_best_on_validation_rows(make_problem, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    tuned = CONFIG.carry(make_problem(tmp_path, 160), lambda now, total, text: done.append((now, total)))
    assert tuned.metrics["accuracy"] >= 0.75
    assert tuned.metrics["accuracy"] == max(trial.metrics["accuracy"] for trial in tuned.trials)
    evaluated = [record["eval/accuracy"] for record in tuned.history if "eval/accuracy" in record]
    assert len(evaluated) == 1 + CONFIG.evaluations
    assert tuned.metrics["accuracy"] == max(evaluated)
    assert [now for now, _ in done] == list(range(1, 2 * CONFIG.steps(160) + 1))
    assert {total for _, total in done} == {2 * CONFIG.steps(160)}


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_a_start_that_training_only_spoils_is_kept(make_problem, tmp_path: Path) -> None:
    problem = make_problem(tmp_path, 160)
    begun = CONFIG.start(problem)
    model = begun.model()
    right = (
        Inputs(problem.downstream, begun.tokenizer, rows, True)
        for rows in (problem.train, problem.validation)
    )
    fit_last_layer(model, *right)
    for part in (model, begun.tokenizer):
        part.save_pretrained(tmp_path / "fitted")

    wrong = problem.train.with_columns(label=pl.col("label").replace({"0": "1", "1": "0"}))
    config = CONFIG.model_copy(update={"linear_start": False})
    tuned = config.carry(replace(problem, source=tmp_path / "fitted", fresh=None, train=wrong), silent)
    assert tuned.setting["best_step"] == 0
    kept = load(tuned.model, problem.downstream)
    assert all(
        torch.equal(one, other) for one, other in zip(kept.parameters(), model.parameters(), strict=True)
    )


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_a_rate_that_diverges_is_a_poor_one_unless_all_do(make_problem, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"learning_rates": (1e30, 1e-3)})
    tuned = config.carry(make_problem(tmp_path / "one"), silent)
    assert [trial.diverged for trial in tuned.trials] == [True, False]
    with pytest.raises(DataError, match="add lower ones"):
        CONFIG.model_copy(update={"learning_rates": (1e30,)}).carry(make_problem(tmp_path / "all"), silent)
