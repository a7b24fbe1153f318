"""Checkpoints: whole or not there, written beside what goes on, and tied weights come back."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor

from models import files
from models.errors import DataError
from models.training import checkpoints
from models.training.checkpoints import Checkpoint, Writer
from models.training.distributed import Team
from models.training.sharded_checkpoints import ShardedWriter


def checkpoint(step: int, model: dict[str, Tensor] | None = None) -> Checkpoint:
    weights = model or {"weight": torch.full((2,), float(step))}
    return Checkpoint({"step": step}, {"model": weights}, {"best": weights})


def save(folder: Path, *written: Checkpoint, snapshot: bool = False) -> None:
    with Writer(folder, snapshot=snapshot) as writer:
        for each in written:
            writer.save(each)


def test_the_newest_two_are_kept_and_the_newest_is_read(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path / "nothing") is None
    save(tmp_path, *map(checkpoint, (1, 2, 3)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000002", "step-000000003"]
    newest = checkpoints.newest(tmp_path)
    assert newest is not None and newest.state == {"step": 3}
    assert torch.equal(dict(newest.tensors("model"))["weight"], torch.full((2,), 3.0))
    assert dict(newest.tensors("no such")) == {}


def test_one_that_was_cut_short_or_damaged_is_passed_over(tmp_path: Path) -> None:
    save(tmp_path, *map(checkpoint, (1, 2)))
    (tmp_path / "step-000000003.draft").mkdir()
    (tmp_path / "step-000000002" / "model.safetensors").write_bytes(b"damaged")
    newest = checkpoints.newest(tmp_path)
    assert newest is not None and newest.state == {"step": 1}
    save(tmp_path)
    assert not list(tmp_path.glob("*.draft")), "what a kill left takes room for ever"


def test_who_leads_several_processes_removes_what_a_kill_left(tmp_path: Path) -> None:
    (tmp_path / "step-000000003.draft").mkdir()
    ShardedWriter(tmp_path, Team(rank=1, size=2), snapshot=False)
    assert list(tmp_path.iterdir()), "the leader's may be its own by now"
    ShardedWriter(tmp_path, Team(rank=0, size=2), snapshot=False)
    assert not list(tmp_path.iterdir())


def test_tied_weights_come_back_and_are_written_once(tmp_path: Path) -> None:
    value = torch.randn(100, 100)
    tied = value.clone()
    save(tmp_path, checkpoint(1, {"in": tied, "out": tied}))
    newest = checkpoints.newest(tmp_path)
    assert newest is not None
    assert (newest.folder / "model.safetensors").stat().st_size < 1.5 * value.nbytes
    tied.zero_()
    newest.restore("model", {"in": tied, "out": tied})
    assert torch.equal(tied, value)
    with pytest.raises(DataError, match="is of another model: it lacks more"):
        newest.restore("model", {"in": tied, "out": tied, "more": torch.ones(1)})


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_slow_disk_stops_nobody_and_what_changes_meanwhile_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: bool
) -> None:
    may, sync = threading.Event(), os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (may.wait(60), sync(file)))
    if snapshot:  # then nothing at all is written before the training goes on
        monkeypatch.setattr(checkpoints, "save_file", held_up(checkpoints.save_file, may))
    weight = torch.ones(1000)
    with Writer(tmp_path, snapshot=snapshot) as writer:
        writer.save(Checkpoint({"step": 1}, {"model": {"weight": weight}}))
        weight.zero_()
        assert writer.busy and checkpoints.newest(tmp_path) is None
        may.set()
    saved = checkpoints.newest(tmp_path)
    assert saved is not None and torch.equal(dict(saved.tensors("model"))["weight"], torch.ones(1000))


def held_up(write: Callable[..., None], may: threading.Event) -> Callable[..., None]:
    def later(*args: object) -> None:
        may.wait(60)
        write(*args)

    return later


def test_what_cannot_be_written_is_told_and_hides_no_other_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, *names: str) -> None:
        raise OSError(28, "No space left on device")

    def failing() -> None:
        with Writer(tmp_path, snapshot=False) as writer:
            writer.save(checkpoint(1))
            raise ZeroDivisionError

    monkeypatch.setattr(files, "seal", full)
    for steps in ((1,), (1, 2)):
        with pytest.raises(OSError, match="No space left"):
            save(tmp_path, *map(checkpoint, steps))
    with pytest.raises(ZeroDivisionError):
        failing()
    assert checkpoints.newest(tmp_path) is None


def most_memory(work: Callable[[], object]) -> int:
    """The most bytes held at once while `work` is done, beside those held before."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the kernel's record starts anew: proc(5)
    except OSError:
        pytest.skip("the kernel keeps no record of the most memory here")
    before = psutil.Process().memory_info().rss
    work()
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024 - before


def test_the_model_is_not_twice_in_memory_on_its_way_to_the_disk_and_back(tmp_path: Path) -> None:
    weights = {str(number): torch.randn(1_000_000) for number in range(30)}
    whole, written = 4_000_000 * len(weights), Checkpoint({"step": 1}, {"model": weights})
    save(tmp_path / "warm", checkpoint(1))
    assert most_memory(lambda: save(tmp_path, written)) < 0.3 * whole
    saved = checkpoints.newest(tmp_path)
    assert saved is not None
    assert most_memory(lambda: saved.restore("model", weights)) < 0.3 * whole
    # Of what lies elsewhere there is one copy here, in the same place for all checkpoints.
    assert most_memory(lambda: save(tmp_path, written, written, snapshot=True)) < 1.3 * whole
