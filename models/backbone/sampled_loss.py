"""Cross-entropy against sampled words in one piece, for which scores are gone through half as often."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class SampledCrossEntropy(torch.autograd.Function):
    """(n,) nats of the candidates at `places` (n, 1), from scores (n, candidates) less what makes up for the sampling.

    A target's own score stands as it is. Numbers are, to the bit, those of the same said with torch's own functions.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, log_inclusion: Tensor, places: Tensor) -> Tensor:
        own = scores.gather(1, places)
        corrected = (scores - log_inclusion).scatter_(1, places, own)
        total = corrected.logsumexp(1, keepdim=True)
        ctx.save_for_backward(corrected, total, places)
        return (total - own)[:, 0]

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] the decorator's own type
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None]:
        corrected, total, places = ctx.saved_tensors
        each = gradient[:, None]
        learnt = corrected.sub_(total).exp_().mul_(each)  # nobody else has it: it need not be kept
        own = learnt.gather(1, places) - each
        return learnt.scatter_(1, places, own), None, None
