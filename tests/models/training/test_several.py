"""Two processes learn one model, each with all of it or with a share: as one would, and the same after a stop."""

from pathlib import Path

import pytest
from torch.multiprocessing.spawn import start_processes

from models.errors import DataError
from models.training import distributed
from models.training.optimizers import OptimizerConfig
from models.workplace import Workplace
from tests.support.together import Learning, assert_close, assert_same, keep, learn_each_way, learnt

WAYS = {
    "none": Learning(),
    "optimizer": Learning(sharding="optimizer"),
    "full": Learning(sharding="full", candidates=None),
    "full, adamw": Learning(
        sharding="full", candidates=None, optimizer=OptimizerConfig(kind="adamw", learning_rate=0.01)
    ),
    "dealt out whole": Learning(accumulated=2),
    "one row": Learning(rows=1),
}


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All ways in the same two processes: to start them is what takes long."""
    place = tmp_path_factory.mktemp("two")
    noisy = {"noisy": Learning(dropout=0.2)}
    start_processes(learn_each_way, (place, WAYS | noisy), 2)
    return place


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_two_processes_learn_the_model_of_one(by_two: Path, way: str, tmp_path: Path) -> None:
    keep(tmp_path, *learnt(WAYS[way], Workplace("cpu", 1)))
    assert_close(tmp_path, by_two / way / "calm")


@pytest.mark.slow
@pytest.mark.parametrize("way", [*WAYS, "noisy"])
def test_stopped_they_go_on_to_the_same_bits(by_two: Path, way: str) -> None:
    assert_same(by_two / way / "calm", by_two / way / "stopped")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_one_process_goes_on_where_two_have_stopped(by_two: Path, way: str) -> None:
    alone = by_two / way / "alone"
    rarely = WAYS[way].model_copy(update={"checkpoint_seconds": 1e9})
    keep(alone, *learnt(rarely, Workplace("cpu", 1, alone / "work")))
    assert_close(by_two / way / "calm", alone)


def test_a_single_gpu_is_not_shared() -> None:
    with pytest.raises(DataError, match=r"device: cuda:1 is a single GPU; set device: cuda"):
        distributed.wanted(2, "cuda:1")
    assert distributed.wanted(0, "cpu") == 1
    assert distributed.wanted(3, "cpu") == 3
