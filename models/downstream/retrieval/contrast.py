"""What retrieval learns by: a query is nearer to its own passage than to those of other queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def contrast(queries: Tensor, positives: Tensor, same: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of each query's own positive among those of all queries, by cosine over `temperature`.

    Henderson et al., Efficient Natural Language Response Suggestion for Smart Reply (2017); Karpukhin et al., Dense
    Passage Retrieval for Open-Domain Question Answering (2020).

    Args:
        queries: (queries, width), of length 1, as are `positives` (queries, width).
        same: (queries, queries), true where the positive of the second is no negative of the first.
    """
    import torch
    from torch.nn.functional import cross_entropy

    scores = (queries @ positives.T / temperature).masked_fill(same, float("-inf"))
    return cross_entropy(scores, torch.arange(len(scores), device=scores.device))
