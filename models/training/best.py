"""The best weights of a training, as evaluations find them."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from models.training.checkpoints import unique


class Best:
    """Weights in the CPU's memory, what they are worth, and how often nothing better has been found since."""

    def __init__(self) -> None:
        self.weights: dict[str, Tensor] = {}
        self.score, self.stale = float("-inf"), 0

    def look(self, score: float, weights: Mapping[str, Tensor], *, in_use: bool) -> None:
        """Keeps `weights` where they are better: over the last ones, unless these are in use."""
        self.stale += 1
        if score <= self.score:
            return
        self.score, self.stale = score, 0
        before = {} if in_use else self.weights
        self.weights = {
            name: before[name].copy_(tensor) if name in before else tensor.detach().to("cpu", copy=True)
            for name, tensor in unique(weights)
        }

    def give(self, weights: Mapping[str, Tensor]) -> None:
        """Puts the best, if there are any, into the places of `weights`."""
        for name, tensor in self.weights.items():
            weights[name].copy_(tensor)

    @property
    def state(self) -> dict[str, Any]:
        """What a checkpoint says of it, beside the weights."""
        return {"best_score": self.score, "stale": self.stale}

    def resume(self, state: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        """As it was at a checkpoint."""
        self.score, self.stale, self.weights = state["best_score"], state["stale"], dict(weights)
