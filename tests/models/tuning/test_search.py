"""What the search makes of results: which settings are tried on all rows."""

from models.tuning.result import Result
from models.tuning.schedule import Setting
from models.tuning.search import best_of_each_way


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
