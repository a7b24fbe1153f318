"""What a step learns from, made ready where nothing waits for a device."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.training.distributed import Batch


@dataclass(frozen=True)
class TrainingStep:
    """What this process learns from in one step."""

    parts: Sequence[tuple[Batch, float]]
    """Batches or some rows of them, each with its share of the step's targets."""
    tokens: int
    """Of the whole step."""


def prepared(
    batches: Sequence[Batch], parts: Sequence[tuple[Batch, float]], device: torch.device
) -> TrainingStep:
    """The `parts` of a step's batches, where a GPU can fetch them while the CPU goes on."""
    pinned = [
        ({name: tensor.pin_memory() for name, tensor in part.items()}, share) for part, share in parts
    ] if device.type == "cuda" else parts  # fmt: skip
    return TrainingStep(pinned, sum(map(tokens_in, batches)))


def tokens_in(batch: Batch) -> int:
    """Tokens of a batch, padding aside."""
    read = batch.get("attention_mask")
    return batch["input_ids"].numel() if read is None else int(read.sum())
