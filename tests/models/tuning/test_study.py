"""A search by optuna: a function of the seed and the scores, exact after a kill, and no worse than where it began."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from models.interfaces.transfer import Problem
from models.transfer.finetune import Finetune
from models.transfer.lora import Lora
from models.transfer.prompt_tuning import PromptTuning
from models.tuning.hyperparameters import Setting
from models.tuning.space import SearchConfig
from models.tuning.study import Study
from tests.support.reviews import CONFIG, silent

SPACE = {
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "batch_size": {"low": 4, "high": 12},
    "weight_decay": [0.0, 0.1],
}
WIDE = Finetune.model_validate(
    {**CONFIG.model_dump(), "search": {"trials": 24, "space": SPACE}, "learning_rates": [3e-2]}
)


def score(setting: Setting) -> float:
    """Best at a rate of 0.001 and batches of 8."""
    others = dict(setting.others)
    return -((math.log10(setting.learning_rate) + 3) ** 2) - (others["batch_size"] - 8) ** 2 / 16


def drawn(seed: int, trials: int = 24, config: Finetune = WIDE) -> list[Setting]:
    assert config.search is not None
    study, settings = Study(config, config.search, seed), []
    for _ in range(trials):
        number, setting = study.ask()
        study.tell(number, score(setting))
        settings.append(setting)
    return settings


def test_equal_seeds_draw_equal_settings_and_others_others() -> None:
    one, again, other = drawn(1), drawn(1), drawn(2)
    assert one == again and one[:9] == drawn(1, trials=9)
    assert len({setting for setting in one if setting in other}) <= 1  # the first is given


def test_it_begins_with_what_the_section_says_and_ends_near_the_best() -> None:
    settings = drawn(1)
    assert (settings[0].learning_rate, dict(settings[0].others)["batch_size"]) == (3e-2, 8)
    assert max(map(score, settings)) > score(settings[0]) + 1
    assert max(map(score, settings)) > -0.1
    for setting in settings:
        others = dict(setting.others)
        assert 1e-4 <= setting.learning_rate <= 1e-1
        assert type(others["batch_size"]) is int and 4 <= others["batch_size"] <= 12
        assert others["weight_decay"] in (0.0, 0.1)
    by_chance = WIDE.model_copy(update={"search": WIDE.search.model_copy(update={"sampler": "random"})})
    later = slice(12, None)
    mean = [sum(map(score, found[later])) / 12 for found in (settings, drawn(1, config=by_chance))]
    assert mean[0] > mean[1]


def test_without_a_space_it_searches_between_the_rates_of_the_section() -> None:
    config = Lora(learning_rates=(1e-3, 1e-2), search=SearchConfig(trials=6))
    study = Study(config, config.search or SearchConfig(), 1)
    settings = []
    for at in range(6):
        number, setting = study.ask()
        study.tell(number, math.nan if at % 2 else 1.0)  # no number is a failure, and not the end
        settings.append(setting)
    assert settings[0] == Setting(1e-3, False)
    assert all(1e-3 <= item.learning_rate <= 1e-2 and not item.train_embeddings for item in settings)
    assert len({item.learning_rate for item in settings}) == 6


@pytest.mark.parametrize(
    ("space", "reason"),
    [
        ({"bach_size": [8]}, "'bach_size' cannot be searched for: did you mean 'batch_size'"),
        ({"evaluations": [8]}, "'evaluations' cannot be searched for"),
        ({"batch_size": {"low": 0, "high": 8}}, "batch_size: 0.0 cannot be"),
        ({"learning_rate": [0.1, -1]}, "learning_rate: -1 cannot be"),
        ({"dropout": [0.1, 1.5]}, "dropout: 1.5 cannot be"),
        ({"train_embeddings": [True]}, "train_embeddings: True cannot be"),
        ({"linear_start": {"low": 0, "high": 1}}, "linear_start: give a list of values"),
        ({"warmup": {"low": 0, "high": 0.5, "log": True}}, "with log it has to be more than 0"),
        ({"warmup": {"low": 0.5, "high": 0.1}}, "'high' is 0.1, below 'low'"),
        ({"warmup": {"lo": 0.5, "high": 0.1}}, "unknown key 'lo': did you mean 'low'"),
        ({"warmup": 0.1}, "give {low: …, high: …}"),
        ({"warmup": []}, "or a list of values"),
    ],
    ids=str,
)
def test_what_cannot_be_searched_for_is_named(space: dict, reason: str) -> None:
    with pytest.raises(ValueError) as error:
        Lora.model_validate({"search": {"space": space}})
    assert reason in str(error.value)


QUICK = Finetune.model_validate(
    {
        **CONFIG.model_dump(),
        "learning_rates": [1e-3, 3e-2],
        "min_steps": 6,
        "epochs": 1,
        "search": {"trials": 4, "space": {"batch_size": [4, 8], "dropout": {"low": 0.0, "high": 0.5}}},
    }
)


def told(problem: Problem) -> tuple[Problem, list[tuple[int, dict]]]:
    """The problem, with a list of what is told of its trials."""
    found: list[tuple[int, dict]] = []
    return replace(problem, on_trial=lambda number, trial: found.append((number, trial.model_dump()))), found


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_killed_in_a_trial_it_goes_on_to_the_same_trials_and_choice(make_problem, tmp_path: Path) -> None:
    problem, seen = told(make_problem(tmp_path / "once"))
    undisturbed = QUICK.carry(problem, silent)
    scores = [(trial.metrics["accuracy"], -trial.metrics["loss"]) for trial in undisturbed.trials]
    assert len(scores) == 4 and undisturbed.metrics == undisturbed.trials[scores.index(max(scores))].metrics
    assert undisturbed.setting.keys() == {
        "learning_rate",
        "train_embeddings",
        "batch_size",
        "dropout",
        "best_step",
    }
    assert [number for number, _ in seen] == [1, 2, 3, 4]

    class Killed(Exception):
        pass

    calls = 0

    def progress(done: int, total: int, text: str) -> None:
        nonlocal calls
        calls += 1
        if calls in (9, 20):
            raise Killed

    again, seen_again = told(make_problem(tmp_path / "killed"))
    for _ in range(2):
        seen_again.clear()
        with pytest.raises(Killed):
            QUICK.carry(again, progress)
    seen_again.clear()
    resumed = QUICK.carry(again, silent)
    assert resumed.trials == undisturbed.trials and resumed.setting == undisturbed.setting
    assert seen_again == seen
    one, other = ((tuned.model / "model.safetensors").read_bytes() for tuned in (resumed, undisturbed))
    assert one == other


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_another_seed_tries_others_and_the_best_of_few_rows_goes_on_to_all(
    make_problem, tmp_path: Path
) -> None:
    config = QUICK.model_copy(update={"search_rows": 16})
    one = config.carry(make_problem(tmp_path / "one"), silent)
    other = config.carry(replace(make_problem(tmp_path / "other"), seed=2), silent)
    assert [trial.rows for trial in one.trials] == [16] * 4 + [40]
    tried = [[trial.setting for trial in tuned.trials[:4]] for tuned in (one, other)]
    assert tried[0][0] == tried[1][0] and not {*tried[0][1:]} & {*tried[1][1:]}
    assert one.trials[4].setting in tried[0]


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_the_number_of_soft_tokens_can_be_searched_for(make_problem, tmp_path: Path) -> None:
    from models.tokens.special import soft_prompt

    config = PromptTuning.model_validate(
        {
            "min_steps": 2,
            "epochs": 1,
            "evaluations": 1,
            "tokens": 3,
            "search": {"trials": 6, "space": {"tokens": [3, 5]}},
        }
    )
    tuned = config.carry(make_problem(tmp_path), silent)
    assert {trial.others["tokens"] for trial in tuned.trials} == {3, 5}
    assert len(soft_prompt(tuned.tokenizer)) == tuned.setting["tokens"]
