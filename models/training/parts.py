"""What a process learns from in a step, made ready where nothing waits for a device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.training.distributed import Team

Batch = Mapping[str, Tensor]
"""Tensors by name; `input_ids` (rows, length) is there, `attention_mask` where rows are padded."""
PartOf = Callable[[Batch, slice], Batch]
"""Some rows of a batch."""


@dataclass(frozen=True)
class Part:
    """A batch, or some rows of one, ready to be learnt from."""

    batch: Batch
    share: float
    """Of the step's targets."""


@dataclass(frozen=True)
class Step:
    """What this process learns from in a step."""

    parts: Sequence[Part]
    tokens: int
    """Of the whole step, of all processes."""


def rows_of(batch: Batch, rows: slice) -> Batch:
    """Some rows of a batch whose tensors all have a row for each."""
    return {name: tensor[rows] for name, tensor in batch.items()}


def step_of(
    batches: Sequence[Batch],
    targets_of: Callable[[Batch], float],
    part_of: PartOf,
    team: Team,
    device: torch.device,
) -> Step:
    """A process's part in a step: of one that is alone, all batches that have targets."""
    counts = [targets_of(batch) for batch in batches]
    total = sum(counts)
    counting = [
        Part(batch, count / total if count else 1.0)
        for batch, count in zip(batches, counts, strict=True)
        if count or len(batches) == 1
    ]
    tokens = sum(_tokens(part.batch) for part in counting)
    if team.size > 1:
        counting = _share(counting, targets_of, part_of, team)
    return Step([Part(_pinned(part.batch, device), part.share) for part in counting], tokens)


def _share(
    parts: Sequence[Part], targets_of: Callable[[Batch], float], part_of: PartOf, team: Team
) -> list[Part]:
    """One process's: whole batches where they can be dealt out evenly, else some rows of each.

    Who has no row takes one that counts for nothing, so that all go the same way through the model.
    """
    if len(parts) % team.size == 0:
        return list(parts[team.rank :: team.size])
    shares = []
    for part in parts:
        rows = team.slice_of(len(part.batch["input_ids"]))
        own = part_of(part.batch, rows or slice(0, 1))
        share = targets_of(own) / max(targets_of(part.batch), 1.0) if rows else 0.0
        shares.append(Part(own, part.share * share))
    return shares


def _tokens(batch: Batch) -> int:
    read = batch.get("attention_mask")
    return batch["input_ids"].numel() if read is None else int(read.sum())


def _pinned(batch: Batch, device: torch.device) -> Batch:
    """The batch where a GPU can fetch it while the CPU goes on; as it is for other devices."""
    return {name: tensor.pin_memory() for name, tensor in batch.items()} if device.type == "cuda" else batch
