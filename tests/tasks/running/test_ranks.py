"""One job on several processes: the same model within rounding, the same bits each time, and all end together."""

import dataclasses
import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
import pytest

from models.errors import DataError
from tasks.running.execution import RunContext, produce
from tasks.running.failures import ProcessKilled, Stopped, may_heal, reason
from tasks.running.local import Local
from tasks.running.progress import Board
from tasks.running.training_processes import TrainingProcesses
from tasks.storage import artifacts
from tests.support.together import Learning, assert_close, assert_same, learn
from tests.support.waiting import until


@pytest.fixture(scope="module")
def on_two() -> Iterator[TrainingProcesses]:
    made = TrainingProcesses(threads=2, jobs=1, processes=2)
    yield made
    made.stop()


@pytest.fixture
def two(context: RunContext, on_two: TrainingProcesses) -> RunContext:
    return dataclasses.replace(context, engine=Local(on_two, Board(), "cpu"))


def made(config: Learning, context: RunContext) -> Path:
    ref = learn(config)
    produce(ref, context)
    return artifacts.files(ref)


def alive(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def training() -> list[psutil.Process]:
    """The processes that train for this one, each after the one that started it; not what tracks Python's resources."""
    below = psutil.Process().children(recursive=True)
    return sorted(
        (item for item in below if "spawn_main" in " ".join(item.cmdline())), key=psutil.Process.create_time
    )


@pytest.mark.slow
def test_two_processes_learn_the_model_of_one(context: RunContext, two: RunContext) -> None:
    alone = made(Learning(word="alone"), context)
    ref = learn(Learning(word="together"))
    outcome = produce(ref, two)
    assert_close(alone, artifacts.files(ref))
    assert outcome.metrics
    held, most = (outcome.metrics[f"memory/peak_bytes{of}"] for of in ("", "_of_a_process"))
    assert most < held <= 2 * most


@pytest.mark.slow
def test_killed_they_all_stop_and_go_on_with_two_or_with_one(context: RunContext, two: RunContext) -> None:
    calm = made(Learning(word="calm"), two)
    for name, going_on, as_before in (("two", two, assert_same), ("one", context, assert_close)):
        ref = learn(Learning(word=f"killed, then {name}", ends="1@3"))
        with pytest.raises(ProcessKilled) as caught:
            produce(ref, two)
        assert may_heal(caught.value) and "was killed" in reason(caught.value)
        assert not [item for item in training() if item.ppid() != os.getpid()]
        produce(ref, going_on)
        as_before(calm, artifacts.files(ref))


@pytest.mark.slow
def test_what_one_process_finds_wrong_is_what_the_step_fails_with(two: RunContext) -> None:
    with pytest.raises(DataError, match="the text of step 2 is bad"):
        produce(learn(Learning(word="bad", fails="1@2")), two)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_no_process_is_left_of_a_run_that_ends(two: RunContext, home_folder: Path, how: str) -> None:
    processes = TrainingProcesses(threads=2, jobs=1, processes=2)
    ref = learn(Learning(word=how, steps=1_000_000))
    with ThreadPoolExecutor(1) as pool:
        before = {item.pid for item in training()}
        run = pool.submit(produce, ref, dataclasses.replace(two, engine=Local(processes, Board(), "cpu")))
        saved = home_folder / "work" / ref.key / "resumable" / "checkpoints"
        until(lambda: list(saved.glob("step-*")))
        started = [item.pid for item in training() if item.pid not in before]
        assert len(started) == 3, "the training process and its two"
        if how == "stopped":
            processes.stop()
        else:
            os.kill(started[0], signal.SIGKILL)
        with pytest.raises((BrokenProcessPool, Stopped)):
            run.result(60)
        until(lambda: not alive(started))
