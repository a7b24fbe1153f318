"""Benchmarks in turns: what is counted, what is printed last, and that each has a short form."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import pairs
from benchmarks.__main__ import benchmarks


def test_ways_take_turns_and_the_first_turn_does_not_count() -> None:
    order: list[str] = []

    def way(name: str) -> pairs.Way:
        return lambda: order.append(name)

    found = pairs.Turns({"ours": way("a"), "theirs": way("b")}, 2)
    assert order == ["a", "b"] * 3
    assert [len(taken) for taken in found.taken.values()] == [2, 2]


def test_the_last_line_is_the_ratio_of_medians(capsys: pytest.CaptureFixture[str]) -> None:
    found = pairs.Turns({"ours": lambda: None, "theirs": lambda: None}, 0, warm_up=False)
    found.taken = {
        "ours": [pairs.Taken(wall, 2 * wall) for wall in (1.0, 2.0, 9.0)],
        "theirs": [pairs.Taken(wall, wall, done=2) for wall in (6.0, 12.0, 100.0)],
    }
    found.show()
    assert found.ratio("ours", "theirs").value == 3.0
    assert found.ratio("ours", "theirs", "user").value == 1.5
    *_, wall, user = capsys.readouterr().out.splitlines()
    assert wall == "theirs / ours: 3.00 x the seconds (medians of 3)"
    assert user == "theirs / ours: 1.50 x the user-CPU seconds (medians of 3)"


def test_the_processor_time_of_a_command_counts_and_its_failure_is_told() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    taken = pairs.once([sys.executable, "-c", busy])
    assert taken.user > 0.03
    assert pairs.once(lambda: time.sleep(0.3)).user < taken.user
    with pytest.raises(SystemExit, match="no such word"):
        pairs.once([sys.executable, "-c", "raise SystemExit('no such word')"])


def test_what_takes_the_short_form_is_a_benchmark_and_what_it_is_made_of_is_none() -> None:
    found = benchmarks()
    assert {"corpus", "gpu", "growth", "overhead", "pretrain", "processes", "serving", "threads"} <= {*found}
    assert not {"__main__", "pairs", "steps", "example_script", "by_datatrove"} & {*found}


def test_all_are_run_in_their_short_form_and_a_failure_is_the_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nothing_of_this_name"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 1
    assert "nothing_of_this_name failed (1)" in done.stdout
