"""Texts as vectors of length 1, as a model gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

Pooling = Literal["mean", "cls"]
"""Whether a text's vector is the mean over all its tokens or that of the first."""


def vectors(model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor, pooling: Pooling) -> Tensor:
    """(texts, width), each of length 1, of token ids and mask (texts, longest)."""
    from torch.nn.functional import normalize

    states = model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    if pooling == "cls":
        return normalize(states[:, 0], dim=-1)
    # A sum does for the mean: its length goes in any case.
    return normalize((states * attention_mask.unsqueeze(-1)).sum(dim=1), dim=-1)


def bare(model: PreTrainedModel) -> None:
    """Takes off Bert's layer on top of the first token, which no vector passes through and no gradient reaches."""
    if getattr(model, "pooler", None) is not None:
        setattr(model, "pooler", None)  # noqa: B010, as a module is what may be assigned
