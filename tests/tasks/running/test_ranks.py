"""One job on several processes: the same model within rounding, the same bits each time, and all end together."""

import dataclasses
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
import pytest
import torch

from models.errors import DataError
from models.training.settings import Sharding
from tasks.running.execution import RunContext, produce
from tasks.running.failures import ProcessKilled, Stopped, may_heal, reason
from tasks.running.training_processes import TrainingProcesses
from tasks.storage import artifacts
from tests.support.together import Learning, curve_of, learn

ROUNDING = {"rtol": 1e-4, "atol": 1e-5}
"""Within which models of different numbers of processes are the same; docs/several-processes.md names it."""


@pytest.fixture(scope="module")
def on_two() -> Iterator[TrainingProcesses]:
    made = TrainingProcesses(threads=2, jobs=1, processes=2)
    yield made
    made.stop()


@pytest.fixture
def two(context: RunContext, on_two: TrainingProcesses) -> RunContext:
    return dataclasses.replace(context, processes=on_two)


def made(config: Learning, context: RunContext) -> Path:
    ref = learn(config)
    produce(ref, context)
    return artifacts.files(ref)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "weights.pt")


def assert_close(one: Path, other: Path) -> None:
    for name, weight in weights(one).items():
        torch.testing.assert_close(weight, weights(other)[name], **ROUNDING)
    for point, same in zip(curve_of(one), curve_of(other), strict=True):
        assert point == pytest.approx(same, rel=1e-4)


def assert_same(one: Path, other: Path) -> None:
    assert curve_of(one) == curve_of(other)
    assert all(torch.equal(weight, weights(other)[name]) for name, weight in weights(one).items())


def alive(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def test_two_processes_learn_the_model_of_one(context: RunContext, two: RunContext) -> None:
    alone = made(Learning(word="alone"), context)
    ref = learn(Learning(word="together"))
    outcome = produce(ref, two)
    assert_close(alone, artifacts.files(ref))
    assert outcome.metrics
    held, most = (outcome.metrics[f"memory/peak_bytes{of}"] for of in ("", "_of_a_process"))
    assert most < held <= 2 * most


@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["none", "optimizer", "full"])
def test_killed_they_all_stop_and_go_on_with_the_same_bits(
    context: RunContext, two: RunContext, sharding: Sharding
) -> None:
    given = {"sharding": sharding, "candidates": None, "dropout": 0.2}
    calm = made(Learning(word=f"calm {sharding}", **given), two)
    ref = learn(Learning(word=f"killed {sharding}", ends="1@7", **given))
    with pytest.raises(ProcessKilled) as caught:
        produce(ref, two)
    assert may_heal(caught.value) and "was killed" in reason(caught.value)
    (training,) = psutil.Process().children()
    assert not [child for child in training.children() if "spawn_main" in " ".join(child.cmdline())]
    produce(ref, two)
    assert_same(calm, artifacts.files(ref))


@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["none", "optimizer", "full"])
def test_another_number_of_processes_goes_on_to_the_same_model_within_rounding(
    context: RunContext, two: RunContext, sharding: Sharding
) -> None:
    given = {"sharding": sharding, "candidates": None}
    alone = made(Learning(word=f"alone {sharding}", **given), context)
    assert_close(alone, made(Learning(word=f"two {sharding}", **given), two))
    ref = learn(Learning(word=f"two, then one {sharding}", ends="1@7", **given))
    with pytest.raises(ProcessKilled):
        produce(ref, two)
    outcome = produce(ref, context)
    assert outcome.metrics and "memory/peak_bytes_of_a_process" not in outcome.metrics
    assert_close(alone, artifacts.files(ref))


@pytest.mark.slow
def test_batches_are_dealt_out_whole_where_they_can_be_and_a_process_without_a_row_helps(
    context: RunContext, two: RunContext
) -> None:
    for name, given in {"dealt": {"accumulated": 2}, "one row": {"rows": 1}}.items():
        alone = made(Learning(word=f"{name} alone", **given), context)
        assert_close(alone, made(Learning(word=f"{name} together", **given), two))


@pytest.mark.slow
def test_what_one_process_finds_wrong_is_what_the_step_fails_with(two: RunContext) -> None:
    with pytest.raises(DataError, match="the text of step 3 is bad"):
        produce(learn(Learning(word="bad", fails="1@3")), two)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_no_process_is_left_of_a_run_that_ends(two: RunContext, home_folder: Path, how: str) -> None:
    processes = TrainingProcesses(threads=2, jobs=1, processes=2)
    ref = learn(Learning(word=how, steps=1_000_000))
    with ThreadPoolExecutor(1) as pool:
        before = {child.pid for child in psutil.Process().children(recursive=True)}
        run = pool.submit(produce, ref, dataclasses.replace(two, processes=processes))
        saved = home_folder / "work" / ref.key / "resumable" / "checkpoints"
        until(lambda: list(saved.glob("step-*")))
        started = {child.pid for child in psutil.Process().children(recursive=True)} - before
        assert len(alive(started)) >= 3, "the training process and its two"
        if how == "stopped":
            processes.stop()
        else:
            first = min(started, key=lambda pid: psutil.Process(pid).create_time())
            os.kill(first, signal.SIGKILL)
        with pytest.raises((BrokenProcessPool, Stopped)):
            run.result(60)
        # The trackers of shared resources that Python starts end with the last that uses them.
        until(lambda: not alive(started), 20)
