"""How alike two texts are, by the vectors of a model that reads them apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.backbone.embedding import Pooling, vectors

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


def cosines(model: PreTrainedModel, batch: Mapping[str, Tensor], pooling: Pooling) -> Tensor:
    """(batch,) how alike two texts are: `input_ids` and `other_input_ids` (batch, longest), with their masks."""
    first, second = (
        vectors(model, batch[f"{side}input_ids"], batch[f"{side}attention_mask"], pooling)
        for side in ("", "other_")
    )
    return (first * second).sum(dim=-1)
