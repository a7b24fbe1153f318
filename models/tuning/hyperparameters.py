"""What trials have in common, and which settings each tries; the schedule of the rate is the optimizer's."""

import itertools
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, PositiveFloat

from models.training.optimizers import OptimizerConfig, OptimizerKind
from models.training.settings import TrainingSettings
from models.tuning.start import Start

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Setting:
    """What one trial tries."""

    learning_rate: float
    train_embeddings: bool

    def __str__(self) -> str:
        return f"{self.learning_rate:g}{'' if self.train_embeddings else ', embeddings frozen'}"


class Hyperparameters(TrainingSettings, ABC):
    """Hyperparameters of a way that trains: those all trials share, and those each tries."""

    learning_rates: tuple[PositiveFloat, ...] = Field(
        default=(2e-4, 1e-3),
        min_length=1,
        description="Highest learning rates to try; validation rows choose.",
    )
    train_embeddings: tuple[bool, ...] = Field(
        default=(True, False),
        min_length=1,
        description="Whether token embeddings, most of a small model's weights, learn too, each tried at each "
        "learning rate: few labels often do better, and faster, with pretrained ones left as they are.",
    )
    search_rows: int = Field(
        default=10_000,
        ge=1,
        description="With more training rows than this the settings are tried on this many of them, and on all rows "
        "only the best learning rate of each way to treat the embeddings.",
    )
    epochs: float = Field(default=3.0, gt=0, description="Passes over the training rows.")
    min_steps: int = Field(
        default=300, ge=1, description="Steps at least, however few the rows: few rows want more passes."
    )
    batch_size: int = Field(
        default=32, ge=1, description="Training rows a batch; a step has gradient_accumulation of them."
    )
    evaluations: int = Field(
        default=8,
        ge=1,
        description="How often validation rows are looked at; the best weights, the start's included, are kept.",
    )
    optimizer: OptimizerKind = Field(default="adamw", description="adamw, or muon for the weight matrices.")
    weight_decay: float = Field(default=0.01, ge=0, description="Decoupled weight decay of the matrices.")
    max_grad_norm: float = Field(
        default=1.0, ge=0, description="The gradient's norm is clipped to this; 0 never clips."
    )
    warmup: float = Field(
        default=0.1, ge=0, le=1, description="Share of the steps in which the rate rises from 0."
    )
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout before the last layer.")
    word_dropout: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share of the training tokens hidden behind the mask token (where there is one).",
    )
    linear_start: bool = Field(
        default=True,
        description="Fit the last layer alone first, as a logistic regression, so that it disturbs no weights.",
    )

    @abstractmethod
    def equip(self, model: "PreTrainedModel", setting: Setting, start: Start) -> "PreTrainedModel":
        """The model with what learns marked as such."""

    def save(self, model: "PreTrainedModel", folder: Path) -> None:
        """Writes what `equip` made, and training changed, as a model that plain `transformers` loads."""
        model.save_pretrained(folder)

    def settings(self) -> list[Setting]:
        """What the trials try, in order."""
        return [Setting(*pair) for pair in itertools.product(self.learning_rates, self.train_embeddings)]

    def steps(self, examples: int) -> int:
        """Training steps for a number of examples: rows, or the windows that long ones are read in."""
        return max(self.min_steps, math.ceil(self.epochs * examples / self.step_rows))

    @property
    def step_rows(self) -> int:
        """Training rows of one step."""
        return self.batch_size * self.gradient_accumulation

    def optimizer_at(self, learning_rate: float) -> OptimizerConfig:
        """The optimizer at one learning rate, which rises and then falls to 0."""
        return OptimizerConfig(
            kind=self.optimizer,
            learning_rate=learning_rate,
            weight_decay=self.weight_decay,
            max_grad_norm=self.max_grad_norm,
            warmup=self.warmup,
            schedule="linear",
        )
