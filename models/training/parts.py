"""What a step learns from, made ready where nothing waits for a device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Batch = Mapping[str, Tensor]
"""Tensors by name; `input_ids` (rows, length) is there, `attention_mask` where rows are padded."""


@dataclass(frozen=True)
class Part:
    """A batch of a step, ready to be learnt from, and what has to be known of it."""

    batch: Batch
    share: float
    """Of the step's targets."""
    tokens: int


def parts_of(
    batches: Sequence[Batch], targets_of: Callable[[Batch], float], device: torch.device
) -> list[Part]:
    """Those batches of a step that it learns from."""
    counts = [targets_of(batch) for batch in batches]
    return [
        Part(_pinned(batch, device), count / sum(counts) if count else 1.0, _tokens(batch))
        for batch, count in zip(batches, counts, strict=True)
        if count or len(batches) == 1
    ]


def _tokens(batch: Batch) -> int:
    read = batch.get("attention_mask")
    return batch["input_ids"].numel() if read is None else int(read.sum())


def _pinned(batch: Batch, device: torch.device) -> Batch:
    """The batch where a GPU can fetch it while the CPU goes on; as it is for other devices."""
    return {name: tensor.pin_memory() for name, tensor in batch.items()} if device.type == "cuda" else batch
