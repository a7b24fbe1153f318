"""Predictions of a downstream's model: batches by length, outputs back in the order of the rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models.backbone import embedding
from models.interfaces.downstream import Asked, Downstream, Feature, padded
from models.tokens import tokenizer as tokenization

BATCH_SIZE = 256
Take = Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]
"""From a model, ids and mask (inputs, longest) to one row an input."""


@dataclass(frozen=True)
class Inputs:
    """Rows of a downstream, tokenised once."""

    downstream: Downstream
    tokenizer: PreTrainedTokenizerBase
    rows: pl.DataFrame
    labelled: bool
    given: list[Feature] | None = None
    """The model inputs, where they are made already."""

    @cached_property
    def features(self) -> list[Feature]:
        """Model inputs, in the order of the rows."""
        return self.given or self.downstream.encode(self.tokenizer, self.rows, self.labelled)

    def head(self, count: int) -> "Inputs":
        """The same of the first `count` rows."""
        return replace(self, rows=self.rows.head(count))

    def batch(self, indices: Sequence[int]) -> dict[str, torch.Tensor]:
        """The features of `indices`, padded to the longest of them."""
        return self.downstream.collate([self.features[index] for index in indices], self.tokenizer)

    def by_length(self, batch_size: int) -> Iterator[list[int]]:
        """Indices of all features in batches of like length, so that little is padded."""
        order = sorted(range(len(self.features)), key=lambda index: len(self.features[index]["input_ids"]))
        for start in range(0, len(order), batch_size):
            yield order[start : start + batch_size]


def outputs(
    model: PreTrainedModel,
    inputs: Inputs,
    batch_size: int = BATCH_SIZE,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[np.ndarray], float | None]:
    """What `decode` needs of each feature, in their order, and the mean loss where the inputs are labelled."""
    found: dict[int, np.ndarray] = {}
    losses: list[tuple[float, int]] = []
    model.eval()
    with torch.inference_mode():
        for indices in inputs.by_length(batch_size):
            batch = {name: tensor.to(model.device) for name, tensor in inputs.batch(indices).items()}
            made, loss = inputs.downstream.outputs(model, batch)
            found |= zip(indices, made, strict=True)
            if loss is not None:
                losses.append((loss, len(indices)))
            on_progress(len(found), len(inputs.features))
    mean = sum(loss * count for loss, count in losses) / sum(count for _, count in losses) if losses else None
    return [found[index] for index in range(len(found))], mean


@dataclass(frozen=True)
class HeadPredictor:
    """A model that was trained, with its tokenizer."""

    downstream: Downstream
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    draws: int = 1
    dropped: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path, downstream: Downstream, device: str) -> Self:
        """From the folder of an adapted model."""
        from models.backbone.heads import load
        from models.training.loop import accelerator

        model = load(folder / "model", downstream).to(accelerator(device).device)
        return cls(downstream, tokenization.load(folder / "model"), model)

    def outputs(
        self,
        rows: pl.DataFrame,
        labelled: bool,
        draw: int = 0,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[list[Feature], list[np.ndarray]]:
        """See `models.interfaces.transfer.Predictor`."""
        inputs = Inputs(self.downstream, self.tokenizer, rows, labelled)
        return inputs.features, outputs(self.model, inputs, on_progress=on_progress)[0]


def predict(
    model: PreTrainedModel,
    inputs: Inputs,
    batch_size: int = BATCH_SIZE,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[pl.DataFrame, float | None]:
    """Predictions of `model`, in evaluation mode, and the mean loss where the inputs are labelled.

    Batch size and the order of rows change no probability by more than 1e-5 (float32 sums in another order).
    """
    found, loss = outputs(model, inputs, batch_size, on_progress)
    return inputs.downstream.decode(found, inputs.features, inputs.rows), loss


def ask_untrained(asked: Asked, downstream: Downstream) -> tuple[list[Feature], list[np.ndarray]]:
    """Outputs of a pretrained model, its head aside, where those are what `downstream` trains."""
    inputs = Inputs(downstream, asked.tokenizer, asked.rows, asked.labelled)
    model: Any = asked.model.base_model
    return inputs.features, outputs(model, inputs, on_progress=asked.on_progress)[0]


def read(asked: Asked, features: Sequence[Feature], take: Take) -> list[np.ndarray]:
    """What `take` gives of each input, in their order, from a pretrained model without its head."""
    found: dict[int, np.ndarray] = {}
    order = sorted(range(len(features)), key=lambda number: len(features[number]["input_ids"]))
    padding: Any = asked.tokenizer.pad_token_id
    model: Any = asked.model.base_model
    with torch.inference_mode():
        for begin in range(0, len(order), BATCH_SIZE):
            chosen = order[begin : begin + BATCH_SIZE]
            ids = [features[number]["input_ids"] for number in chosen]
            mask = padded([[1] * len(item) for item in ids], 0).to(model.device)
            made = take(model, padded(ids, padding).to(model.device), mask)
            found |= zip(chosen, made.double().cpu().numpy(), strict=True)
            asked.on_progress(len(found), len(order))
    return [found[number] for number in range(len(features))]


def text_vectors(asked: Asked, features: Sequence[Feature]) -> np.ndarray:
    """(features, width) the mean state of a pretrained model over each input, of length 1."""
    return np.stack(
        read(asked, features, lambda model, ids, mask: embedding.vectors(model, ids, mask, "mean"))
    )
