"""What a probe measures, and what a step of any size takes by it."""

from __future__ import annotations

from dataclasses import dataclass

from models.pretraining.pretrain import TrainConfig
from models.tuning.hyperparameters import Hyperparameters
from tasks.adapt import AdaptConfig

LINEAR_ROWS = 10_000
"""Rows that the last layer is fitted on before a trial, at most."""


@dataclass(frozen=True)
class Rows:
    """How many labelled rows each part has."""

    train: int
    validation: int
    test: int

    def learnt(self, config: AdaptConfig) -> int:
        """Training rows of one adaptation."""
        return self.train if config.labels is None else min(config.labels, self.train)

    def judged(self, config: AdaptConfig) -> int:
        """Validation rows that its choices go by."""
        bounds = (count for count in (config.labels, config.validation_rows) if count)
        return min([self.validation, *bounds])

    def judged_by_all(self, most: int | None) -> int:
        """Validation rows that models are compared on."""
        return min(self.validation, most or self.validation)


@dataclass(frozen=True)
class Adapting:
    """Seconds that adapting takes: once, a training step, a training row, and each row that is asked."""

    once: float
    asked: float
    predicted: float
    step: float = 0.0
    row: float = 0.0
    examples: float = 1.0
    """Examples that a row makes: long ones are read in windows."""
    memory: float = 0.0
    disk: float = 0.0

    def seconds(self, config: AdaptConfig, rows: Rows) -> float:
        """Of one cell: every trial, its looks at validation rows, and what they start from."""
        learnt, judged = rows.learnt(config), rows.judged(config)
        if not isinstance(config.way, Hyperparameters):
            return self.once + learnt * self.row + judged * self.asked
        trials = stages(config.way, learnt)
        steps = sum(config.way.steps(round(count * self.examples)) for count in trials)
        looks = len(trials) * config.way.evaluations * judged
        starts = sum(min(count, LINEAR_ROWS) + judged for count in set(trials))
        return self.once + steps * self.step + (looks + starts) * self.asked


def stages(way: Hyperparameters, learnt: int) -> list[int]:
    """On how many rows each trial of a search learns."""
    few = min(learnt, way.search_rows)
    every = [learnt] * len(way.ways) if few < learnt and way.trials > 1 else []
    return [few] * way.trials + every


@dataclass(frozen=True)
class Pretraining:
    """Seconds that a token takes that is learnt from, and one that the model is judged on."""

    once: float
    token: float
    judged: float
    tokens_a_byte: float
    memory: float = 0.0
    disk: float = 0.0

    def seconds(self, config: TrainConfig, tokens: float) -> float:
        """Of a whole pretraining."""
        return self.once + tokens * self.token + config.evaluations * config.evaluation_tokens * self.judged
