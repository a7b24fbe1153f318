"""What retrieval learns by: a query is nearer to its own passage than to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def contrast(queries: Tensor, passages: Tensor, same: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of each query's own positive among all passages, by cosine over `temperature`.

    Henderson et al., Efficient Natural Language Response Suggestion for Smart Reply (2017); Karpukhin et al., Dense
    Passage Retrieval for Open-Domain Question Answering (2020).

    Args:
        queries: (queries, width), of length 1.
        passages: (passages, width), of length 1: the positive of each query, and then others.
        same: (queries, passages), true where a passage is no negative of a query.
    """
    import torch
    from torch.nn.functional import cross_entropy

    scores = (queries @ passages.T / temperature).masked_fill(same, float("-inf"))
    return cross_entropy(scores, torch.arange(len(scores), device=scores.device))
