"""Several seeds as one: means, intervals over seeds and rows, and differences paired on both."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.downstream.classification import Classification
from models.reporting.data import Interval, Score
from models.reporting.resampling import Resampling
from models.reporting.seeds import gains, over_seeds

ROWS = 200
DOWNSTREAM = Classification(classes=("neg", "pos"))


@pytest.fixture
def resampling() -> Resampling:
    return Resampling(DOWNSTREAM, resamples=500, seed=1)


def scored(folder: Path, mode: str, seed: int, right: int, labels: int = 32) -> tuple[Path, Score]:
    """A model that answers the first `right` rows rightly; the first ten leak."""
    home = folder / f"{mode}-{seed}"
    home.mkdir()
    gold = ["neg", "pos"] * (ROWS // 2)
    rows = pl.DataFrame({"id": list(map(str, range(ROWS))), "label": gold})
    wrong = {"neg": "pos", "pos": "neg"}
    guesses = [label if number < right else wrong[label] for number, label in enumerate(gold)]
    predictions = rows.select("id").with_columns(prediction=pl.Series(guesses))
    np.save(home / "statistics.npy", DOWNSTREAM.statistics(rows, predictions))
    leaks = {"at": list(range(10)), "metrics": {"accuracy": {}}}
    (home / "details.json").write_text(json.dumps({"without_leaks": leaks}))
    value = right / ROWS
    known = {"accuracy": Interval(value=value, low=value - 0.01, high=value + 0.01)}
    return home, Score(
        mode=mode,
        labels=labels,
        seed=seed,
        metrics=known,
        validation=value,
        dropped=1,
        setting={"rate": str(seed)},
    )


def test_of_several_seeds_there_is_the_mean_and_each_and_of_one_it_is_as_it_was(
    tmp_path: Path, resampling: Resampling
) -> None:
    made = [scored(tmp_path, "finetune", seed, right) for seed, right in ((1, 150), (2, 170), (5, 160))]
    alone = scored(tmp_path, "zero_shot", 1, 120, labels=0)
    (mean, folders), (single, _) = over_seeds(dict([*made, alone]), resampling)
    assert single == alone[1] and single.models == (single,)
    assert mean.metrics["accuracy"].value == pytest.approx(160 / ROWS)
    assert mean.without_leaks["accuracy"].value == pytest.approx(150 / 190)
    assert (mean.validation, mean.dropped) == (pytest.approx(160 / ROWS), 3)
    assert [model.seed for model in mean.models] == list(folders) == [1, 2, 5]
    assert [model.setting["rate"] for model in mean.models] == ["1", "2", "5"]


def test_seeds_that_differ_widen_the_interval(tmp_path: Path, resampling: Resampling) -> None:
    def width(name: str, rights: tuple[int, ...]) -> float:
        (tmp_path / name).mkdir()
        made = dict(scored(tmp_path / name, "finetune", seed, right) for seed, right in enumerate(rights))
        ((mean, _),) = over_seeds(made, resampling)
        return mean.metrics["accuracy"].high - mean.metrics["accuracy"].low

    alike, apart = width("alike", (160, 160, 160)), width("apart", (130, 160, 190))
    rows = 2 * 1.96 * np.sqrt(0.8 * 0.2 / ROWS)
    assert alike == pytest.approx(rows, rel=0.15)
    seeds = 2 * 1.96 * np.std([130, 160, 190], ddof=1) / ROWS / np.sqrt(3)
    assert apart == pytest.approx(np.hypot(rows, seeds), rel=0.15)


def test_differences_are_paired_by_seed_and_what_draws_nothing_is_the_same_for_each(
    tmp_path: Path, resampling: Resampling
) -> None:
    # Seeds differ much, and each is ten rows better than its own control.
    rights = {1: 120, 2: 150, 3: 180}
    made = [scored(tmp_path, "finetune", seed, right) for seed, right in rights.items()]
    made += [scored(tmp_path, "scratch", seed, right - 10) for seed, right in rights.items()]
    made.append(scored(tmp_path, "zero_shot", 1, 150, labels=0))
    made.append(scored(tmp_path, "baseline", 2, 140))
    found = {
        gain.against: gain
        for gain in gains(over_seeds(dict(made), resampling), resampling)
        if gain.metric == "accuracy"
    }
    assert found["scratch"].value == pytest.approx(0.05) and found["scratch"].verdict == "better"
    assert found["scratch"].high - found["scratch"].low < 0.08
    # Against the untrained model all three seeds count, and they do not agree.
    assert found["zero_shot"].value == pytest.approx(0.0) and found["zero_shot"].verdict == "unclear"
    assert found["zero_shot"].high - found["zero_shot"].low > 0.2
    # A control of one seed alone is compared with that seed.
    assert found["baseline"].value == pytest.approx(0.05) and found["baseline"].verdict == "better"
