"""Checkpoints: whole or not there, and tied weights come back."""

from pathlib import Path

import torch
from torch import Tensor

from models.training import checkpoints
from models.training.checkpoints import Checkpoint


def checkpoint(step: int, model: dict[str, Tensor] | None = None) -> Checkpoint:
    return Checkpoint({"step": step}, model or {"weight": torch.full((2,), float(step))}, [{"lr": 0.1}])


def test_the_newest_two_are_kept_and_the_newest_is_read(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path) is None
    for step in (1, 2, 3):
        checkpoints.save(tmp_path, checkpoint(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000002", "step-000000003"]
    newest = checkpoints.newest(tmp_path)
    assert newest is not None and newest.state == {"step": 3} and newest.optimizers == [{"lr": 0.1}]
    assert torch.equal(newest.model["weight"], torch.full((2,), 3.0))


def test_one_that_was_cut_short_or_damaged_is_passed_over(tmp_path: Path) -> None:
    for step in (1, 2):
        checkpoints.save(tmp_path, checkpoint(step))
    (tmp_path / "step-000000003.draft").mkdir()
    (tmp_path / "step-000000002" / "model.safetensors").write_bytes(b"damaged")
    newest = checkpoints.newest(tmp_path)
    assert newest is not None and newest.state == {"step": 1}


def test_tied_weights_are_written_each(tmp_path: Path) -> None:
    tied = torch.ones(2, 2)
    checkpoints.save(tmp_path, checkpoint(1, {"in": tied, "out": tied}))
    newest = checkpoints.newest(tmp_path)
    assert newest is not None and all(torch.equal(newest.model[name], tied) for name in ("in", "out"))
