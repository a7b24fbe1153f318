"""Predictions of a downstream's model: batches by length, outputs back in the order of the rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models.inference.encoding import encoded_once
from models.interfaces.downstream import Downstream
from models.interfaces.features import Feature

BATCH_SIZE = 256
BATCH_TOKENS = 16_384
"""Padding among them; what a batch takes of the memory, whatever is asked."""
PADDING = 128
"""Tokens of padding in a batch: on a processor they take about as long as it takes to begin another one."""


def bearable(device: torch.device) -> int:
    """Tokens of padding that a batch may have on a device: a GPU computes them beside the others."""
    return PADDING if device.type == "cpu" else BATCH_TOKENS


def batches(
    lengths: Sequence[int],
    most: int = BATCH_SIZE,
    tokens: int = BATCH_TOKENS,
    padding: int = PADDING,
) -> Iterator[list[int]]:
    """Numbers of all inputs in batches of like length, so that little is padded, none larger than there is room for."""
    batch: list[int] = []
    padded = 0
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number]):
        padded += len(batch) * (lengths[number] - lengths[batch[-1]]) if batch else 0
        if batch and (len(batch) == most or (len(batch) + 1) * lengths[number] > tokens or padded > padding):
            yield batch
            batch, padded = [], 0
        batch.append(number)
    if batch:
        yield batch


@dataclass(frozen=True)
class Inputs:
    """Rows of a downstream, tokenised once."""

    downstream: Downstream
    tokenizer: PreTrainedTokenizerBase
    rows: pl.DataFrame
    labelled: bool
    given: Sequence[Feature] | None = None
    """The model inputs, where they are made already."""

    @cached_property
    def features(self) -> Sequence[Feature]:
        """Model inputs, in the order of the rows; made once of equal rows by equal tokenizers."""
        return self.given or encoded_once(self.downstream, self.tokenizer, self.rows, self.labelled)

    def head(self, count: int) -> "Inputs":
        """The same of the first `count` rows."""
        return self if count >= self.rows.height else replace(self, rows=self.rows.head(count))

    def batch(self, indices: Sequence[int]) -> dict[str, torch.Tensor]:
        """The features of `indices`, padded to the longest of them."""
        return self.downstream.collate([self.features[index] for index in indices], self.tokenizer)

    def by_length(self, batch_size: int, padding: int = PADDING) -> Iterator[list[int]]:
        """Indices of all features in batches of like length."""
        return batches([feature.length for feature in self.features], batch_size, padding=padding)


def outputs(
    model: PreTrainedModel,
    inputs: Inputs,
    batch_size: int = BATCH_SIZE,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[np.ndarray], float | None]:
    """What `decode` needs of each feature, in their order, and the mean loss where the inputs are labelled."""
    by_index: dict[int, np.ndarray] = {}
    losses: list[tuple[float, int]] = []
    model.eval()
    padding = bearable(model.device) if inputs.downstream.one_pass else BATCH_TOKENS
    with torch.inference_mode():
        for indices in inputs.by_length(batch_size, padding):
            batch = {name: tensor.to(model.device) for name, tensor in inputs.batch(indices).items()}
            made, loss = inputs.downstream.outputs(model, batch)
            by_index |= zip(indices, made, strict=True)
            if loss is not None:
                losses.append((loss, len(indices)))
            on_progress(len(by_index), len(inputs.features))
    mean = sum(loss * count for loss, count in losses) / sum(count for _, count in losses) if losses else None
    return [by_index[index] for index in range(len(by_index))], mean


def predict(
    model: PreTrainedModel,
    inputs: Inputs,
    batch_size: int = BATCH_SIZE,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[pl.DataFrame, float | None]:
    """Predictions of `model`, in evaluation mode, and the mean loss where the inputs are labelled.

    Batch size and the order of rows change no probability by more than 1e-5 (float32 sums in another order).
    """
    made, loss = outputs(model, inputs, batch_size, on_progress)
    return inputs.downstream.decode(made, inputs.features, inputs.rows), loss
