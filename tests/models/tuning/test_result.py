"""Results of trials: read as they were written, to the bit."""

import math
from pathlib import Path

import pytest

from models.files import SEAL
from models.tuning.result import DONE, MODEL, Result, read


@pytest.fixture
def result(tmp_path: Path) -> Result:
    (tmp_path / MODEL).mkdir()
    return Result(
        rows=10,
        steps=5,
        learning_rate=0.1 + 0.2,
        train_embeddings=False,
        best_step=3,
        metrics={"accuracy": 1 / 3},
        diverged=True,
        score=-math.inf,
        history=[{"step": 0, "eval/accuracy": 1.0}],
        trainable_parameters=12,
    )


def test_it_is_read_as_it_was_written(result: Result, tmp_path: Path) -> None:
    assert read(tmp_path) is None
    result.write(tmp_path)
    again = read(tmp_path)
    assert again == result
    assert [type(value) for value in again.history[0].values()] == [int, float]
    assert sorted(path.name for path in tmp_path.iterdir()) == [DONE, MODEL, SEAL]


def test_one_whose_score_or_model_has_changed_has_not_ended(result: Result, tmp_path: Path) -> None:
    for damaged, content in (
        (DONE, result.model_copy(update={"score": 1.0}).model_dump_json()),
        (f"{MODEL}/x", "no"),
    ):
        (tmp_path / MODEL / "x").write_text("weights")
        result.write(tmp_path)
        assert read(tmp_path) == result
        (tmp_path / damaged).write_text(content)
        assert read(tmp_path) is None


def test_a_loss_that_is_no_number_is_kept_as_such(result: Result, tmp_path: Path) -> None:
    result.model_copy(update={"metrics": {"loss": math.nan}}).write(tmp_path)
    again = read(tmp_path)
    assert again is not None and math.isnan(again.metrics["loss"])


def test_what_is_said_of_it_beside_the_others_has_no_curve(result: Result) -> None:
    assert list(result.trial().model_dump()) == [
        "rows", "steps", "learning_rate", "train_embeddings", "others", "best_step", "metrics", "diverged",
    ]  # fmt: skip
