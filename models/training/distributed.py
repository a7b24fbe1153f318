"""Several processes that learn one model together: this one's share of each step, and what they tell each other.

They are a team where somebody has opened torch's process group: `joined` below, `torchrun` or Ray Train. Without one
this process is the whole team, and nothing here does anything. All of them hold the same weights and batches, a
pure function of the step; each learns from its part, and their gradients are summed to that of the whole step.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch
from torch import Tensor, distributed, nn

from models.errors import DataError

T = TypeVar("T")
Batch = Mapping[str, Tensor]
PartOf = Callable[[Batch, slice], Batch]
"""Some rows of a batch."""

PATIENCE = timedelta(minutes=20)
"""How long one waits for another that does not answer: longer than MLflow may be away while the first one logs."""
_EACH_GPU = ("auto", "cuda")
"""Names of a device that give each process a GPU of its own."""
_AT_ONCE = 1 << 23
"""Numbers that are exchanged in one message."""


@dataclass(frozen=True)
class Team:
    """Which of how many processes this is; the first one, which leads, alone evaluates for all, logs and saves."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(
        self, batches: Sequence[Batch], targets_of: Callable[[Batch], float], part_of: PartOf
    ) -> list[tuple[Batch, float]]:
        """What this process learns from, each with how much of the step's targets it holds.

        Whole batches where they can be dealt out evenly, else some rows of each. Who has no row takes one that counts
        for nothing, so that all go the same way through the model.
        """
        counts = [targets_of(batch) for batch in batches]
        if self.size == 1:
            several, all_of = len(batches) > 1, sum(counts)
            pairs = zip(batches, counts, strict=True)
            return [
                (batch, count / all_of if count else 1.0) for batch, count in pairs if count or not several
            ]
        total = max(sum(counts), 1.0)
        if len(batches) % self.size == 0:
            mine = zip(batches[self.rank :: self.size], counts[self.rank :: self.size], strict=True)
            return [(batch, count / total) for batch, count in mine]
        shares = []
        for batch in batches:
            rows = self._rows(len(batch["input_ids"]))
            part = part_of(batch, rows or slice(0, 1))
            shares.append((part, targets_of(part) / total if rows else 0.0))
        return shares

    def _rows(self, number: int) -> slice | None:
        """This process's of so many; None where there are too few for it to have one."""
        first, end = (number * rank // self.size for rank in (self.rank, self.rank + 1))
        return slice(first, end) if first < end else None

    def sum_gradients(self, model: nn.Module) -> None:
        """Puts the sum over all processes in the place of each gradient."""
        if self.size > 1:
            gradients = [item.grad for item in model.parameters() if item.grad is not None]
            self._each(gradients, distributed.all_reduce)

    def start_alike(self, model: nn.Module) -> None:
        """Gives everyone the leader's weights."""
        if self.size > 1:
            self.give([*model.parameters(), *model.buffers()], 0)

    def give(self, weights: Sequence[Tensor], rank: int) -> None:
        """Puts the weights of one process in the place of everyone's."""
        self._each([weight.data for weight in weights], lambda flat: distributed.broadcast(flat, src=rank))

    def summed(self, values: Tensor) -> Tensor:
        """Over all processes."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def said_by_leader(self, value: T) -> T:
        """What the leader holds for true, which others may have seen otherwise, such as the time."""
        if self.size == 1:
            return value
        said = [value]
        distributed.broadcast_object_list(said, src=0, device=torch.device("cpu"))
        return said[0]

    def gathered(self, value: T) -> list[T]:
        """Everyone's, by rank."""
        if self.size == 1:
            return [value]
        every: list[Any] = [None] * self.size
        distributed.all_gather_object(every, value)
        return every

    @staticmethod
    def _each(tensors: Iterable[Tensor], exchange: Callable[[Tensor], Any]) -> None:
        """Exchanges tensors, many small ones in a message."""
        for some in _packed(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in some])
            exchange(flat)
            for tensor, part in zip(some, flat.split([item.numel() for item in some]), strict=True):
                tensor.copy_(part.view_as(tensor))


def team() -> Team:
    """That which this process belongs to."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Team()
    return Team(distributed.get_rank(), distributed.get_world_size())


def wanted(processes: int, device: str) -> int:
    """How many processes are to share a training; 0 is one a GPU.

    Raises:
        DataError: there are fewer GPUs.
    """
    gpus = torch.cuda.device_count() if device in _EACH_GPU else 0
    if device.startswith("cuda:") and processes > 1:
        raise DataError(f"processes: {processes}, but device: {device} is a single GPU; set device: cuda")
    if gpus and processes > gpus:
        raise DataError(
            f"processes: {processes}, but torch sees {gpus} GPUs here, one for each; set it to {gpus}"
        )
    return processes or max(1, gpus)


@contextmanager
def joined(rank: int, size: int, device: str, meeting: Path) -> Iterator[Team]:
    """Opens the process group of `size` processes of this machine, over the loopback alone.

    Args:
        meeting: a file that is not there yet, by which they find each other.
    """
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ.setdefault(name, _loopback())
    gpu = device in _EACH_GPU and torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(rank)
    store = distributed.FileStore(str(meeting), size)  # pyright: ignore[reportPrivateImportUsage] - documented
    backend = "cpu:gloo,cuda:nccl" if gpu else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    yield team()
    distributed.destroy_process_group()  # after an error another one may be gone, and this would wait for it


def lost_another(error: BaseException) -> bool:
    """Whether an error only says that another process is gone."""
    said = str(error)
    return isinstance(error, RuntimeError) and any(
        word in said for word in ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer")
    )


def _loopback() -> str:
    """The name of this machine's own network."""
    addresses = psutil.net_if_addrs()
    own = (
        name
        for name, found in addresses.items()
        if any(item.family == socket.AF_INET and item.address.startswith("127.") for item in found)
    )
    return next(own, "lo")


def _packed(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors of one type one after another, so many as fit into a message."""
    some: list[Tensor] = []
    for tensor in tensors:
        full = sum(item.numel() for item in some) + tensor.numel() > _AT_ONCE
        if some and (full or tensor.dtype != some[0].dtype):
            yield some
            some = []
        some.append(tensor)
    if some:
        yield some
