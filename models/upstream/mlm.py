"""Masked language modelling: some tokens are hidden, and the model predicts them.

Scores are computed at hidden positions only, which saves most of the cost of a small model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from models.backbone.vocabulary_scores import (
    NO_TARGET,
    cross_entropy,
    head_logits,
    output_layer,
    places_of,
    sample,
    summed_loss,
    targets_of,
    with_places,
)
from models.errors import DataError
from models.interfaces.objective import Objective, Vocabulary

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from transformers import PreTrainedModel

RARITY = 1e-3
"""Token frequency at which a token's weight in the bag of words is cut by √2."""


class MaskedLanguageModelling(Objective):
    """BERT's objective (J. Devlin et al., 2019), without next-sentence prediction."""

    kind: Literal["mlm"] = "mlm"
    model_class: ClassVar[str] = "AutoModelForMaskedLM"
    shared: ClassVar[frozenset[str]] = frozenset({"candidates", "log_inclusion"})

    mask_rate: float = Field(
        default=0.2, gt=0, lt=1, description="Share of a text's tokens that the model has to predict."
    )
    keep_rate: float = Field(
        default=0.1, ge=0, le=1, description="Share of these that it is shown all the same."
    )
    random_rate: float = Field(
        default=0.0, ge=0, le=1, description="Share of these in whose place it sees a random token."
    )
    candidates: int | None = Field(
        default=None,
        ge=1,
        description="Score the tokens that occur in the batch and this many random ones beside, not the whole "
        "vocabulary: faster where that is large (of 32,000 words some 3,000 are scored in a batch of 4,096 tokens with "
        "1024). Held-out loss is always over the whole vocabulary.",
    )
    bag_of_words: float = Field(
        default=0.0,
        ge=0,
        description="Weight of a second loss: a text's mean state has to predict all its words. 0: none.",
    )

    @model_validator(mode="after")
    def _shares(self) -> MaskedLanguageModelling:
        if self.keep_rate + self.random_rate > 1:
            raise ValueError(
                "keep_rate and random_rate are shares of the same tokens: together they exceed 1"
            )
        return self

    def prepare(self, model: PreTrainedModel, vocabulary: Vocabulary) -> None:
        """The head's bias starts as the tokens' log frequency, so that nothing has to learn it."""
        import torch

        bias = output_layer(model).bias
        frequency = (vocabulary.counts + 1.0) / (vocabulary.counts + 1.0).sum()
        with torch.no_grad():
            bias.copy_(frequency.log())

    def batch(
        self, inputs: Mapping[str, Tensor], vocabulary: Vocabulary, generator: Generator
    ) -> dict[str, Tensor]:
        """Adds `targets` (rows, length): the token at the positions to say, -100 elsewhere; and `places`.

        Every text gets the same share of targets, at least one; special tokens are never among them. Where asked
        for, `candidates` (n,) and `log_inclusion` (n,), and `bag` (rows, length), ids weighted by `bag_weights`.
        """
        import torch

        if vocabulary.mask is None:
            raise DataError("the tokenizer has no [MASK] token, which mlm needs: choose another tokenizer")
        ids = inputs["input_ids"]
        words = ~torch.isin(ids, vocabulary.special)
        chosen = self._chosen(words, generator)
        fate = torch.rand(ids.shape, generator=generator)
        hidden = ids.masked_fill(chosen & (fate >= self.keep_rate + self.random_rate), vocabulary.mask)
        if self.random_rate:
            other = torch.randint(len(vocabulary.counts), ids.shape, generator=generator)
            hidden = torch.where(chosen & (fate < self.random_rate), other, hidden)
        batch = with_places({**inputs, "input_ids": hidden, "targets": ids.masked_fill(~chosen, NO_TARGET)})
        frequency = vocabulary.counts / vocabulary.counts.sum()
        if self.candidates:
            batch |= sample(ids[words], frequency, self.candidates, generator)
        if self.bag_of_words:
            weights = words * (RARITY / (RARITY + frequency[ids])).sqrt()
            batch |= {"bag": ids, "bag_weights": weights / weights.sum(1, keepdim=True).clamp(min=1e-9)}
        return batch

    def losses(self, model: PreTrainedModel, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        logits = head_logits(model, batch, self._picked(batch), batch.get("candidates"))
        targets = targets_of(batch)
        if not self.bag_of_words:
            return {"loss": cross_entropy(logits, targets, batch).mean()}
        asked, texts = logits.split([len(targets), len(logits) - len(targets)])
        masked, bag = cross_entropy(asked, targets, batch).mean(), _bag_loss(texts, batch)
        if "bag_share" in batch:
            bag = bag * batch["bag_share"]
        return {"loss": masked + self.bag_of_words * bag, "masked_loss": masked, "bag_of_words_loss": bag}

    def part(self, batch: Mapping[str, Tensor], rows: slice) -> dict[str, Tensor]:
        """The bag of words is a mean over texts, and parts count by their targets: `bag_share` makes up for it."""
        import torch

        part = with_places(super().part(batch, rows))
        if self.bag_of_words:
            texts = len(part["input_ids"]) / len(batch["input_ids"])
            part["bag_share"] = torch.tensor(texts * self.targets(batch) / max(1.0, self.targets(part)))
        return part

    @property
    def reads_weights(self) -> str:
        return "candidates" if self.candidates else ""

    def evaluate(self, model: PreTrainedModel, batch: Mapping[str, Tensor]) -> tuple[float, int]:
        return summed_loss(model, batch)

    def _picked(self, batch: Mapping[str, Tensor]) -> Callable[[Tensor], Tensor]:
        """Picks the targets' states, and then, for the second loss, the mean state of every text."""
        import torch

        places, seen = places_of(batch), batch.get("attention_mask")

        def pick(states: Tensor) -> Tensor:
            asked = states.flatten(0, 1).index_select(0, places)
            if not self.bag_of_words:
                return asked
            if seen is None:
                return torch.cat([asked, states.mean(1)])
            return torch.cat([asked, (states * seen[..., None]).sum(1) / seen.sum(1, keepdim=True)])

        return pick

    def _chosen(self, words: Tensor, generator: Generator) -> Tensor:
        """(rows, length) where to ask, at `mask_rate` of each row's words."""
        import torch

        count = words.sum(1)
        wanted = (count * self.mask_rate).round().long().clamp(min=1).minimum(count)
        chance = torch.rand(words.shape, generator=generator).masked_fill_(~words, -1.0)
        least = chance.sort(1, descending=True).values.gather(1, (wanted - 1).clamp(min=0)[:, None])
        return (chance >= least) & words


def _bag_loss(logits: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """Mean over texts of the weighted cross-entropy of all their words."""
    import torch

    places, total = batch["bag"], logits.logsumexp(1)
    if "candidates" in batch:
        places = torch.searchsorted(batch["candidates"], places).clamp(max=len(batch["candidates"]) - 1)
        total = (logits - batch["log_inclusion"]).logsumexp(1)
    return (total - (logits.gather(1, places) * batch["bag_weights"]).sum(1)).mean()
