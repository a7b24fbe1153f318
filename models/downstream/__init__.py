"""NLP tasks a pretrained model is carried over to, one file each.

A downstream says all there is to know about one NLP task: the form of its rows, how they become model inputs,
which model class and loss it trains, how model outputs become predictions in terms of the text, how predictions
are scored, and the cheap classical method a user would try first. Nothing here knows how a prediction came about:
a head, a prompt, a similarity and a baseline all end in the same predictions frame, so there is one path to score.

Heavy libraries (torch, transformers, sklearn, pandera) are imported inside functions: recipes name downstreams,
and reading a recipe has to be quick.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
import polars as pl
from pydantic import Field

from models.config import Chosen, chosen

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Feature = dict[str, Any]
"""One model input: `input_ids` (list of int), `row` (index of its row), and what the downstream adds."""


class Baseline(Protocol):
    """A fitted classical method."""

    setting: dict[str, Any]
    """What was chosen on validation rows."""

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Predictions frame of `rows`."""
        ...

    def save(self, folder: Path) -> None:
        """Write it in files that hold no code."""
        ...


class Downstream(Chosen, ABC):
    """One NLP task. A subclass in a module of its own is all that is needed to add one."""

    headline: ClassVar[str]
    """Metric by which settings and checkpoints are chosen, and which reports show first."""
    lower_is_better: ClassVar[frozenset[str]] = frozenset()
    """Metrics, perplexity say, of which less is better."""
    balance: ClassVar[str | None] = None
    """Column whose values label draws hold equally often; None: plain draws."""
    model_class: ClassVar[str]
    """The `AutoModelFor…` class of transformers that holds the head."""
    texts: ClassVar[tuple[str, ...]] = ("text",)
    """Columns that hold what a model reads: a test row that stands in the corpus is found by them."""

    max_length: int = Field(
        default=128, ge=8, description="Longest input in tokens; the rest of a longer text is cut off."
    )

    # ---- rows

    @abstractmethod
    def schema(self) -> DataFrameSchema:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What every row must be; other columns (`file`, `line`, …) are let through."""

    @abstractmethod
    def examples(self) -> pl.DataFrame:
        """At least eight made-up rows that `schema` accepts and a model can learn by heart."""

    @abstractmethod
    def corrupted(self) -> pl.DataFrame:
        """Rows each of which `schema` must reject."""

    def settle(self, train: pl.DataFrame) -> Self:
        """This downstream with all that a recipe may leave open taken from training rows."""
        return self

    def check(self, train: pl.DataFrame) -> None:
        """Refuse training rows from which nothing can be learnt.

        Raises:
            DataError: saying what is wrong with them.
        """

    # ---- model

    def head(self) -> dict[str, Any]:
        """Settings of the model's configuration that describe the head; those an architecture lacks are left out."""
        return {}

    @abstractmethod
    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        """Model inputs of `rows`, in their order, one or more a row; with labels only if `labelled`."""

    def collate(
        self, features: Sequence[Feature], tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, torch.Tensor]:
        """A batch: `input_ids`, `attention_mask` (batch, longest), and `labels` where the features have them."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        padding: Any = tokenizer.pad_token_id
        ids = [torch.tensor(feature["input_ids"]) for feature in features]
        masks = [torch.ones(len(item), dtype=torch.long) for item in ids]
        batch = {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=padding),
            "attention_mask": pad_sequence(masks, batch_first=True),
        }
        if "label" in features[0]:
            batch["labels"] = torch.tensor([feature["label"] for feature in features])
        return batch

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Training loss of a batch (scalar)."""
        return model(**batch).loss

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        """What `decode` needs of each feature of a batch, free of padding; and the loss, where there are labels."""
        output = model(**batch)
        loss = None if output.loss is None or output.loss.isnan() else float(output.loss)
        return list(output.logits.double().cpu().numpy()), loss

    @abstractmethod
    def oracle(self, feature: Feature) -> np.ndarray:
        """What `outputs` would be from a model that knows the gold answer of a labelled feature."""

    @abstractmethod
    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Feature], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Predictions in terms of the text: `id` and the columns of this downstream, in the order of `rows`."""

    # ---- score

    @abstractmethod
    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Sufficient statistics of each prediction (predictions, k), float64: `metrics` of their sum is the score."""

    @abstractmethod
    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """Each metric (…) from summed statistics (…, k)."""

    def evaluate(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, float]:
        """Each metric of `predictions` over all of `rows`."""
        totals = self.statistics(rows, predictions).sum(axis=0)
        return {name: float(value) for name, value in self.metrics(totals).items()}

    @abstractmethod
    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """What a reader wants to see beside the metrics, JSON-able: the worst errors with id, file and line."""

    # ---- the cheap classical method

    @abstractmethod
    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        """The baseline fitted on `train`, its settings chosen on `validation`."""

    @abstractmethod
    def load_baseline(self, folder: Path) -> Baseline:
        """The baseline that `save` wrote to `folder`."""


if TYPE_CHECKING:
    DownstreamField = Downstream
else:
    DownstreamField = chosen("models.downstream", Downstream)
    """A downstream in a configuration: `{kind: classification, …}`."""
