"""A training's curve: losses are averaged between two points of it."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil
import torch
from torch import Tensor

from models.errors import DataError
from models.training.distributed import Team
from models.training.record import Record

_STATE = ("tokens", "summed", "history")


class Diverged(DataError):
    """The loss is no longer finite."""


class Curve:
    """Its points so far, and what the next one is made of; losses stay on the device until it is."""

    def __init__(self, team: Team) -> None:
        self._team = team
        self.tokens = 0
        self.history: list[Record] = []
        self.sums: dict[str, Tensor] = {}
        self.summed = 0
        self._begin()

    def _begin(self) -> None:
        self._clock, self._clock_tokens = time.monotonic(), self.tokens

    def add(self, tokens: int, parts: Sequence[Mapping[str, Tensor]]) -> None:
        """Takes in a step: its tokens and, by name, this process's parts of its losses."""
        self.tokens += tokens
        self.summed += 1
        if parts:
            names = list(parts[0])
            step = torch.stack([torch.stack([part[name] for part in parts]).sum() for name in names])
            for name, value in zip(names, self._team.summed(step), strict=True):
                self.sums[name] = self.sums.get(name, 0.0) + value

    def closed(self, step: int, steps: int, rate: float) -> Record:
        """The averages so far as a point at `step`, after which they begin anew.

        Raises:
            Diverged: the loss is no longer finite.
        """
        record: Record = {"step": step, "tokens": self.tokens}
        # By name: those of a checkpoint that was gone on from come in another order.
        record |= {f"train/{name}": float(total) / self.summed for name, total in sorted(self.sums.items())}
        seconds = max(time.monotonic() - self._clock, 1e-9)  # when the device has come as far
        if not math.isfinite(record["train/loss"]):
            raise Diverged(
                f"training diverged: the loss is {record['train/loss']} before step {step} of {steps}; "
                f"lower optimizer.learning_rate (now {rate:g})"
            )
        record["train/tokens_per_second"] = (self.tokens - self._clock_tokens) / seconds
        record["train/memory_bytes"] = psutil.Process().memory_info().rss
        self.sums, self.summed = {}, 0
        return record

    def append(self, record: Record) -> None:
        """Adds a point; from now on it is the time to the next that is measured."""
        self.history.append(record)
        self._begin()

    @property
    def text(self) -> str:
        """How the training goes, in a few words."""
        if not self.history:
            return ""
        last = self.history[-1]
        return f"loss {last['train/loss']:.3f}, {last['train/tokens_per_second']:,.0f} tokens/s"

    @property
    def state(self) -> dict[str, Any]:
        """What a checkpoint says of it, beside the sums."""
        return {name: getattr(self, name) for name in _STATE}

    def resume(self, state: Mapping[str, Any], sums: Mapping[str, Tensor]) -> None:
        """As it was at a checkpoint."""
        for name in _STATE:
            setattr(self, name, state[name])
        self.sums = dict(sums)
        self._begin()
