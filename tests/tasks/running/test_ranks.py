"""One job on several processes: the same model within rounding, the same bits each time, and all end together."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tasks.running.execution import RunContext, produce
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


def test_two_processes_learn_the_model_of_one(context: RunContext, two: RunContext) -> None:
    alone = made(Learning(word="alone"), context)
    ref = learn(Learning(word="together"))
    outcome = produce(ref, two)
    assert_close(alone, artifacts.files(ref))
    assert outcome.metrics
    held, most = (outcome.metrics[f"memory/peak_bytes{of}"] for of in ("", "_of_a_process"))
    assert most < held <= 2 * most
