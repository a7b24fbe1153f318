"""Checkpoints of a training: whole or not there, the newest whole one is found, broken ones are passed over.

They are written beside the training, and the state is never twice in the memory it lies in. What lies in the CPU's goes
straight to the file, at the speed of memory, and a thread waits for the disk; of what lies on a GPU a snapshot is
taken into host memory, and the thread writes that.
"""

import json
import shutil
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from models import files
from models.errors import DataError
from models.training.beside import Beside

KEPT = 2
STATE, TENSORS = "state.json", ".safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Everything a training needs to go on."""

    state: Mapping[str, Any]
    """JSON-able; holds `step`."""
    tensors: Mapping[str, Mapping[str, Tensor]]
    """By the name of their file, then by their own."""
    fixed: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    """The same of what lies in the CPU's memory and does not change while it is written."""


@dataclass(frozen=True)
class Saved:
    """A whole checkpoint on the disk; tensors are read when they are asked for, one by one."""

    folder: Path
    state: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", json.loads((self.folder / STATE).read_text()))

    def tensors(self, name: str) -> Iterator[tuple[str, Tensor]]:
        """Those of a file, each with memory of its own; none where there is no such file."""
        for each in self.shapes(name):
            # Opened anew for each: what was read stays in memory for as long as the file is open.
            with safe_open(self._path(name), "pt") as file:
                yield each, file.get_tensor(each).clone()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{TENSORS}"

    def read(self, name: str) -> dict[str, Tensor]:
        """All of a file."""
        return dict(self.tensors(name))

    def shapes(self, name: str) -> dict[str, tuple[int, ...]]:
        """What is in a file."""
        path = self._path(name)
        if not path.is_file():
            return {}
        with safe_open(path, "pt") as file:
            return {each: tuple(file.get_slice(each).get_shape()) for each in file.keys()}  # noqa: SIM118

    def restore(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Gives `tensors`, in their place, the values they were saved with.

        Raises:
            DataError: some of them are not there.
        """
        own = dict(unique(tensors))
        for each, value in self.tensors(name):
            if each in own:
                put(value, own.pop(each).detach())
        self.check(own, ())

    def check(self, wanted: Iterable[str], there: Container[str]) -> None:
        """
        Raises:
            DataError: it lacks what is wanted.
        """
        lacking = [name for name in wanted if name not in there]
        if lacking:
            raise DataError(f"{self.folder} is of another model: it lacks {min(lacking)}; delete it")


class Writer(Beside):
    """Writes checkpoints beside what goes on.

    Args:
        snapshot: whether tensors are copied first, and written by the thread: for those on a device that computes
            beside the CPU.
    """

    def __init__(self, folder: Path, *, snapshot: bool) -> None:
        super().__init__()
        self._folder, self._snapshot = folder, snapshot
        forget_drafts(folder)
        self._buffers: dict[tuple[str, str], Tensor] = {}

    def save(self, checkpoint: Checkpoint) -> None:
        """Takes a checkpoint, after which its tensors may change; waits where one is still being written.

        Raises:
            OSError: this or the last cannot be written.
        """
        self.wait()
        tensors = {name: dict(unique(group)) for name, group in checkpoint.tensors.items()}
        fixed = {name: dict(unique(group)) for name, group in checkpoint.fixed.items()}
        with ExitStack() as stack:
            self._folder.mkdir(parents=True, exist_ok=True)
            final = self._folder / f"step-{checkpoint.state['step']:09d}"
            draft = stack.enter_context(files.write_whole(final))
            draft.mkdir()
            (draft / STATE).write_text(json.dumps(checkpoint.state))
            if self._snapshot:
                copies, taken = self._copies(tensors)
                self._last = self._pool.submit(self._write, stack.pop_all(), draft, copies | fixed, taken)
            else:
                _write_tensors(draft, tensors | fixed)
                self._last = self._pool.submit(self._end, stack.pop_all(), draft)

    def _copies(
        self, tensors: Mapping[str, Mapping[str, Tensor]]
    ) -> tuple[dict[str, dict[str, Tensor]], torch.cuda.Event | None]:
        """Copies in host memory, in the buffers of the last time, and what says when they are there."""
        made: dict[str, dict[str, Tensor]] = {}
        for name, group in tensors.items():
            for each, tensor in group.items():
                buffer = self._buffers.get((name, each))
                if buffer is None or buffer.shape != tensor.shape:
                    buffer = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
                    self._buffers[name, each] = buffer
                made.setdefault(name, {})[each] = buffer.copy_(tensor.detach(), non_blocking=tensor.is_cuda)
        if not any(tensor.is_cuda for group in tensors.values() for tensor in group.values()):
            return made, None
        event = torch.cuda.Event()
        event.record()
        return made, event

    def _write(
        self,
        whole: ExitStack,
        draft: Path,
        tensors: Mapping[str, Mapping[str, Tensor]],
        taken: torch.cuda.Event | None,
    ) -> None:
        if taken is not None:
            taken.synchronize()
        _write_tensors(draft, tensors)
        self._end(whole, draft)

    def _end(self, whole: ExitStack, draft: Path) -> None:
        with whole:
            files.seal(draft, *names_in(draft))
        forget_old(self._folder)


def unique(tensors: Mapping[str, Tensor]) -> Iterable[tuple[str, Tensor]]:
    """Tied weights once, under their first name: what is restored into one of them is in all."""
    seen: set[tuple[int, torch.Size, torch.device]] = set()
    for name, tensor in tensors.items():
        if isinstance(tensor, DTensor):  # lies in several processes, and is named once
            yield name, tensor
            continue
        at = (tensor.data_ptr(), tensor.shape, tensor.device)
        if not tensor.numel() or at not in seen:
            seen.add(at)
            yield name, tensor.contiguous()


def newest(folder: Path) -> Saved | None:
    """The newest checkpoint whose files are all there with the content they were written with."""
    return next((Saved(path) for path in _all(folder) if files.sealed(path, *names_in(path))), None)


def _write_tensors(folder: Path, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
    for name, group in tensors.items():
        if group:
            save_file({each: tensor.detach() for each, tensor in group.items()}, folder / f"{name}{TENSORS}")


def put(value: Tensor, place: Tensor) -> None:
    """Copies a whole tensor to where it lies, or as much of it as lies in this process."""
    if isinstance(place, DTensor):
        value = distribute_tensor(
            value.to(place.device), place.device_mesh, place.placements, src_data_rank=None
        )
    place.copy_(value)


def forget_old(folder: Path) -> None:
    """Deletes all checkpoints but the newest."""
    for old in _all(folder)[KEPT:]:
        shutil.rmtree(old)


def forget_drafts(folder: Path) -> None:
    """Deletes what one that was killed while it wrote has left."""
    for left in folder.glob(f"step-*{files.DRAFT}"):
        shutil.rmtree(left)


def names_in(folder: Path) -> list[str]:
    """What a checkpoint is made of, in its folder."""
    return [path.name for path in folder.iterdir() if path.name != files.SEAL]


def _all(folder: Path) -> list[Path]:
    """Finished checkpoints, newest first."""
    return sorted(
        (path for path in folder.glob("step-*") if not path.name.endswith(files.DRAFT)), reverse=True
    )
