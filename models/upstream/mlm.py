"""Masked language modelling: some tokens are hidden, the model says what they were.

The vocabulary is computed at hidden positions only, which is most of the cost of a small model saved. The head
acts on each position by itself, so a hook on the encoder hands it those positions and nothing else; this works
for every architecture that `AutoModelForMaskedLM` knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from models.upstream import Objective

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

NO_TARGET = -100


class MaskedLanguageModelling(Objective):
    """BERT's objective (J. Devlin et al., 2019), without next-sentence prediction."""

    kind: Literal["mlm"] = "mlm"
    model_class: ClassVar[str] = "AutoModelForMaskedLM"

    mask_rate: float = Field(0.2, gt=0, lt=1, description="Share of a text's tokens that the model has to say.")
    keep_rate: float = Field(0.1, ge=0, le=1, description="Share of these that it is shown all the same.")
    random_rate: float = Field(0.0, ge=0, le=1, description="Share of these in whose place it sees a random token.")
    bag_of_words: float = Field(
        0.0, ge=0, description="Weight of a second loss: the mean state has to say all words of the text. 0: none."
    )

    @model_validator(mode="after")
    def _shares(self) -> MaskedLanguageModelling:
        if self.keep_rate + self.random_rate > 1:
            raise ValueError("keep_rate and random_rate are shares of the same tokens: together they exceed 1")
        return self

    def batch(
        self, inputs: Mapping[str, Tensor], tokenizer: PreTrainedTokenizerBase, generator: Generator
    ) -> dict[str, Tensor]:
        """Adds `targets` (rows, length): the token at the positions to say, -100 elsewhere.

        Every text gets the same share of targets, at least one; special tokens are never among them.
        """
        import torch

        ids = inputs["input_ids"]
        special = torch.isin(ids, torch.tensor(tokenizer.all_special_ids))
        count = (~special).sum(1)
        wanted = (count * self.mask_rate).round().long().clamp(min=1).minimum(count)
        chance = torch.rand(ids.shape, generator=generator).masked_fill_(special, -1.0)
        least = chance.sort(1, descending=True).values.gather(1, (wanted - 1).clamp(min=0)[:, None])
        chosen = (chance >= least) & ~special
        fate = torch.rand(ids.shape, generator=generator)
        hidden = ids.masked_fill(chosen & (fate >= self.keep_rate + self.random_rate), tokenizer.mask_token_id)
        if self.random_rate:
            other = torch.randint(len(tokenizer), ids.shape, generator=generator)
            hidden = torch.where(chosen & (fate < self.random_rate), other, hidden)
        batch = dict(inputs) | {"input_ids": hidden, "targets": ids.masked_fill(~chosen, NO_TARGET)}
        return batch | {"originals": ids} if self.bag_of_words else batch

    def losses(self, model: PreTrainedModel, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self.bag_of_words:
            return self._with_bag_of_words(model, batch)
        return {"loss": _cross_entropy(masked_logits(model, batch), _targets(batch), "mean")}

    def evaluate(self, model: PreTrainedModel, batch: Mapping[str, Tensor]) -> tuple[float, int]:
        targets = _targets(batch)
        return float(_cross_entropy(masked_logits(model, batch), targets, "sum")), len(targets)

    def _with_bag_of_words(self, model: PreTrainedModel, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Targets from their own states, and all words of a text from its mean state."""
        import torch

        at = batch["targets"] != NO_TARGET
        seen = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))[..., None]

        def pick(states: Tensor) -> Tensor:
            return torch.cat([states[at], (states * seen).sum(1) / seen.sum(1)])

        logits = head_logits(model, batch, pick)
        targets = _targets(batch)
        masked = _cross_entropy(logits[: len(targets)], targets, "mean")
        words = (seen.squeeze(-1) > 0) & ~torch.isin(batch["originals"], batch["input_ids"][:, :1])
        log_chance = logits[len(targets) :].log_softmax(1).gather(1, batch["originals"])
        bag = -((log_chance * words).sum(1) / words.sum(1).clamp(min=1)).mean()
        return {"loss": masked + self.bag_of_words * bag, "masked_loss": masked, "bag_of_words_loss": bag}


def masked_logits(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> Tensor:
    """(targets, vocabulary) scores at the positions of the targets only, in reading order."""
    at = batch["targets"] != NO_TARGET
    return head_logits(model, batch, lambda states: states[at])


def head_logits(model: PreTrainedModel, batch: Mapping[str, Tensor], pick: Callable[[Tensor], Tensor]) -> Tensor:
    """(n, vocabulary) scores of the states that `pick` makes, (n, hidden), from the encoder's (rows, length, hidden)."""

    def replace(module: object, args: object, output):  # noqa: ANN001, ANN202
        output["last_hidden_state"] = pick(output["last_hidden_state"])[None]
        return output

    hook = model.base_model.register_forward_hook(replace)
    try:
        return model(input_ids=batch["input_ids"], attention_mask=batch.get("attention_mask")).logits[0]
    finally:
        hook.remove()


def _targets(batch: Mapping[str, Tensor]) -> Tensor:
    return batch["targets"][batch["targets"] != NO_TARGET]


def _cross_entropy(logits: Tensor, targets: Tensor, reduction: str) -> Tensor:
    """In nats; 0 where there is no target."""
    from torch.nn.functional import cross_entropy

    if not len(targets):
        return logits.sum() * 0.0
    return cross_entropy(logits.float(), targets, reduction=reduction)
