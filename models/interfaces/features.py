"""Model inputs, as a downstream makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import torch


Feature = dict[str, Any]
"""One model input: `input_ids` (list of int), `row` (index of its row), and what the downstream adds.

`pool: True` marks the feature of a row that is no example: it is predicted with, never trained on by itself.
"""


def padded(sequences: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """(sequences, longest) int64, the shorter ones filled up with `value`."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    return pad_sequence([torch.tensor(item) for item in sequences], batch_first=True, padding_value=value)


def beside(predictions: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that `predictions` are of, in their order."""
    return predictions.select("id").join(rows, on="id", how="left", maintain_order="left")
