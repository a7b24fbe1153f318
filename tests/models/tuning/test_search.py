"""What the search makes of results: which settings are tried on all rows."""

import shutil
from pathlib import Path

import pytest

from models.tuning.hyperparameters import Setting
from models.tuning.result import Result
from models.tuning.search import best_of_each_way
from tests.support.reviews import CONFIG, silent


def result(rate: float, embeddings: bool, score: float) -> Result:
    return Result(
        rows=10,
        steps=5,
        learning_rate=rate,
        train_embeddings=embeddings,
        best_step=5,
        metrics={},
        diverged=False,
        score=score,
        history=[],
        trainable_parameters=1,
    )


def test_the_best_rate_of_each_way_to_treat_the_embeddings_goes_on_the_best_first() -> None:
    results = [
        result(1.0, True, 0.5),
        result(2.0, True, 0.7),
        result(1.0, False, 0.9),
        result(2.0, False, 0.1),
    ]
    assert best_of_each_way(results) == [Setting(1.0, False), Setting(2.0, True)]


def test_of_equal_scores_the_first_setting_is_taken() -> None:
    assert best_of_each_way([result(1.0, True, 0.5), result(2.0, True, 0.5)]) == [Setting(1.0, True)]


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_many_rows_are_searched_on_few_and_trained_on_all(make_problem, tmp_path: Path) -> None:
    tuned = CONFIG.model_copy(update={"search_rows": 16}).carry(make_problem(tmp_path, 40), silent)
    assert [trial.rows for trial in tuned.trials] == [16, 16, 40]
    searched = max(tuned.trials[:2], key=lambda trial: (trial.metrics["accuracy"], -trial.metrics["loss"]))
    assert tuned.setting["learning_rate"] == searched.learning_rate


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_a_model_is_written_where_it_may_be_the_one_that_is_kept(make_problem, tmp_path: Path) -> None:
    problem = make_problem(tmp_path, 40)
    config = CONFIG.model_copy(update={"search_rows": 16, "train_embeddings": (True, False)})
    tuned = config.carry(problem, silent)
    folders = {path.parent.name for path in problem.folder.glob("*/model")}
    assert tuned.model.parent.name in folders
    assert all(name.startswith("trial-40-") for name in folders)
    before = tuned.model.joinpath("model.safetensors").read_bytes()
    again = config.carry(problem, silent)  # all trials are read, none is run
    assert (again.trials, again.metrics, again.model) == (tuned.trials, tuned.metrics, tuned.model)
    shutil.rmtree(tuned.model.parent)
    remade = config.carry(problem, silent)  # begins with the last layer that was fitted before
    assert remade.model.joinpath("model.safetensors").read_bytes() == before


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_whether_embeddings_learn_is_tried_on_all_rows(make_problem, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"search_rows": 16, "train_embeddings": (True, False)})
    tuned = config.carry(make_problem(tmp_path, 40), silent)
    assert [trial.rows for trial in tuned.trials] == [16] * 4 + [40] * 2
    assert {trial.train_embeddings for trial in tuned.trials[4:]} == {True, False}


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_one_rate_needs_no_search(make_problem, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"search_rows": 16, "learning_rates": (1e-3,)})
    tuned = config.carry(make_problem(tmp_path, 40), silent)
    assert [trial.rows for trial in tuned.trials] == [40]
