"""Progress where there is no terminal: lines now and then, with the time left at the pace of this attempt."""

import pytest

from tasks.running import progress
from tasks.running.job import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def shown(
    clock: list[float], capsys: pytest.CaptureFixture[str], reports: list[tuple[float, int, int]]
) -> str:
    board = progress.Board()
    for clock[0], done, total in reports:
        board.show(Progress("pretrain", done, total, "loss 1"))
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_time_left_is_at_the_pace_so_far(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(clock, capsys, [(0, 0, 100), (30, 25, 100)]) == "pretrain  25%  1:30 left  loss 1"


def test_what_came_before_a_resume_or_another_count_does_not_bear_on_it(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    reports = [(0, 0, 1), (500, 60, 100), (530, 80, 100)]
    assert shown(clock, capsys, reports) == "pretrain  80%  0:30 left  loss 1"


def test_a_count_without_an_end_has_no_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(clock, capsys, [(0, 1, 0), (20, 5, 0)]) == "pretrain  loss 1"
