"""Causal language modelling: every token is predicted from those before it.

A document ends with a token of its own, which is predicted too: so a model learns where to stop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from models.backbone.vocabulary_scores import (
    NO_TARGET,
    cross_entropy,
    sample,
    summed_loss,
    target_logits,
    targets_of,
    with_places,
)
from models.interfaces.objective import Objective, Vocabulary

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from transformers import PreTrainedModel


class CausalLanguageModelling(Objective):
    """GPT's objective (A. Radford et al., 2018)."""

    kind: Literal["clm"] = "clm"
    model_class: ClassVar[str] = "AutoModelForCausalLM"
    shared: ClassVar[frozenset[str]] = frozenset({"candidates", "log_inclusion"})
    decoder: ClassVar[bool] = True

    candidates: int | None = Field(
        default=None,
        ge=1,
        description="Score the tokens that occur in the batch and this many random ones beside, not the whole "
        "vocabulary: faster where that is large (of 32,000 words some 3,000 are scored in a batch of 4,096 tokens with "
        "1024). Held-out loss is always over the whole vocabulary.",
    )

    def batch(
        self, inputs: Mapping[str, Tensor], vocabulary: Vocabulary, generator: Generator
    ) -> dict[str, Tensor]:
        """Adds `targets` (rows, length): the token that comes next, -100 after a document's last; and `places`.

        Where asked for, `candidates` (n,) and `log_inclusion` (n,).
        """
        ids = inputs["input_ids"]
        targets = ids.roll(-1, dims=1)
        targets[:, -1] = NO_TARGET
        if "attention_mask" in inputs:
            targets[:, :-1].masked_fill_(inputs["attention_mask"][:, 1:] == 0, NO_TARGET)
        batch = with_places({**inputs, "targets": targets})
        if self.candidates:
            frequency = vocabulary.counts / vocabulary.counts.sum()
            frequency[vocabulary.special] = 1.0  # each document ends with one
            batch |= sample(targets_of(batch), frequency, self.candidates, generator)
        return batch

    def part(self, batch: Mapping[str, Tensor], rows: slice) -> dict[str, Tensor]:
        return with_places(super().part(batch, rows))

    def losses(self, model: PreTrainedModel, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        logits = target_logits(model, batch, batch.get("candidates"))
        return {"loss": cross_entropy(logits, targets_of(batch), batch).mean()}

    @property
    def reads_weights(self) -> str:
        return "candidates" if self.candidates else ""

    def evaluate(self, model: PreTrainedModel, batch: Mapping[str, Tensor]) -> tuple[float, int]:
        return summed_loss(model, batch)

    def rates(self, nats: float, targets: int, size: int) -> dict[str, float]:
        """`perplexity` of a token, and `bits_per_byte` of text, which compares across tokenizers."""
        return {"perplexity": math.exp(nats / targets), "bits_per_byte": nats / math.log(2) / size}
