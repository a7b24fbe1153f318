"""Model inputs, as a downstream makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from models.late import np, pl

if TYPE_CHECKING:
    import torch


@dataclass(kw_only=True)
class Feature:
    """One model input. A downstream whose model needs more adds it in a subclass."""

    row: int
    """Index of its row."""
    input_ids: list[int]
    token_type_ids: list[int] | None = None
    """Which of two texts each token is of, for models that are told so."""
    label: Any = None
    """What the model is trained to give, where `collate` makes it `labels`: a class's number, a place on a scale, or a
    number for each label."""
    weight: float = 1.0
    """What its row counts in the training loss, beside the others."""
    frequency: float = 1.0
    """How often its row is drawn in training, beside the others."""
    pool: bool = False
    """Whether its row is no example: predicted with, never trained on by itself."""
    alike: int | None = None
    """Features of one number are batched together in training; None: those of like length are."""
    against: Sequence[Feature] = ()
    """What it learns to be told from, beside what shares its batch: see `Downstream.mine`."""

    @property
    def length(self) -> int:
        """Tokens of all that the model reads of it."""
        return len(self.input_ids)


def texts_batch(texts: Sequence[Sequence[int]], padding: int) -> dict[str, torch.Tensor]:
    """`input_ids` and `attention_mask` (texts, longest), padded on the right."""
    return {
        "input_ids": padded(texts, padding),
        "attention_mask": padded([[1] * len(ids) for ids in texts], 0),
    }


def padded(sequences: Sequence[Sequence[int] | np.ndarray], value: int) -> torch.Tensor:
    """(sequences, longest, …) int64, the shorter ones filled up with `value`."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    return pad_sequence([torch.tensor(item) for item in sequences], batch_first=True, padding_value=value)


def per_row(values: torch.Tensor, owners: torch.Tensor, how: Literal["mean", "max"]) -> torch.Tensor:
    """(rows, width) what the windows of each row come to, from (windows, width) and the row of each window."""
    places = owners[:, None].expand_as(values)
    made = values.new_zeros(int(owners.max()) + 1, values.shape[1])
    return made.scatter_reduce(0, places, values, {"mean": "mean", "max": "amax"}[how], include_self=False)


def beside(predictions: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that `predictions` are of, in their order."""
    return predictions.select("id").join(rows, on="id", how="left", maintain_order="left")
