"""Checkpoints of what lies in two processes: each writes its part while the training goes on."""

from pathlib import Path

import pytest
import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
from torch.multiprocessing.spawn import start_processes

from models.training import checkpoints, distributed, sharded_checkpoints
from models.training.checkpoints import Checkpoint
from models.training.sharded_checkpoints import ShardedWriter


def write(rank: int, place: Path) -> None:
    """What each of the two does, with and without a copy of its part."""
    with distributed.joined(rank, 2, "cpu", place / "meeting") as team:
        weight = distribute_tensor(torch.arange(8.0), init_device_mesh("cpu", (2,)), [Shard(0)])
        for snapshot in (False, True):
            with ShardedWriter(place / str(snapshot), team, snapshot=snapshot) as writer:
                for step in (1, 2, 3):
                    writer.save(Checkpoint({"step": step}, {"model": {"weight": weight}}))
                    weight.add_(1)


@pytest.mark.slow
def test_each_is_whole_and_holds_what_was_there_when_it_was_taken(tmp_path: Path) -> None:
    start_processes(write, (tmp_path,), 2)
    for folder, first in (("False", 0), ("True", 3)):
        for step in (2, 3):
            saved = sharded_checkpoints.opened(tmp_path / folder / f"step-{step:09d}")
            assert torch.equal(saved.read("model")["weight"], torch.arange(8.0) + first + step - 1)
        newest = checkpoints.newest(tmp_path / folder)
        assert newest is not None and newest.state == {"step": 3}
        assert len(list((tmp_path / folder).iterdir())) == 2
