"""What trials have in common, and which settings each tries; the schedule of the rate is the optimizer's."""

import hashlib
import itertools
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, PositiveFloat, ValidationError, model_validator

from models.config import did_you_mean
from models.interfaces.transfer import Problem
from models.training.optimizers import OptimizerConfig, OptimizerKind
from models.training.settings import TrainingSettings
from models.tuning.space import Range, SearchConfig, Values
from models.tuning.start import Start, start_of

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Setting:
    """What one trial tries."""

    learning_rate: float
    train_embeddings: bool
    others: tuple[tuple[str, Any], ...] = ()
    """Further hyperparameters of the section, by name, where they are searched for."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Setting":
        """From values by name."""
        own = ("learning_rate", "train_embeddings")
        others = tuple((name, value) for name, value in values.items() if name not in own)
        return cls(values["learning_rate"], values["train_embeddings"], others)

    def __str__(self) -> str:
        frozen = () if self.train_embeddings else ("embeddings frozen",)
        others = (
            f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self.others
        )
        return ", ".join((f"{self.learning_rate:g}", *frozen, *others))

    @property
    def slug(self) -> str:
        """A short name that no other setting of a search has."""
        others = hashlib.sha256(json.dumps(self.others).encode()).hexdigest()[:12] if self.others else ""
        frozen = "" if self.train_embeddings else "frozen"
        return "-".join(part for part in (repr(self.learning_rate), frozen, others) if part)


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
    search: SearchConfig | None = Field(
        default=None,
        description="A search by optuna over ranges, instead of every learning rate with every treatment of the "
        "embeddings.",
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

    not_tried: ClassVar[frozenset[str]] = frozenset(TrainingSettings.model_fields) | {
        "kind", "learning_rates", "train_embeddings", "search", "search_rows", "evaluations",
    }  # fmt: skip
    """What a search cannot try: how trials are made and judged is the same for all."""
    begins_with: ClassVar[tuple[str, ...]] = ("dropout", "linear_start")
    """Hyperparameters that shape what a trial starts from."""

    @model_validator(mode="after")
    def _searchable(self) -> Self:
        """Each range lies within what its hyperparameter may be."""
        for name, values in (self.search.space if self.search else {}).items():
            known = ["learning_rate", "train_embeddings", *(type(self).model_fields.keys() - self.not_tried)]
            if name not in known:
                raise ValueError(f"search.space: '{name}' cannot be searched for{did_you_mean(name, known)}")
            if isinstance(values, Range) and isinstance(self.value(name), bool | str):
                raise ValueError(f"search.space.{name}: give a list of values to choose from")
            for value in (values.low, values.high) if isinstance(values, Range) else values:
                self._check(name, value)
        return self

    def _check(self, name: str, value: Any) -> None:
        given = {"learning_rates": [value]} if name == "learning_rate" else {name: value}
        given = {name: [value]} if name == "train_embeddings" else given
        try:
            type(self).model_validate(self.model_dump(exclude={"search"}) | given)
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"]
            raise ValueError(f"search.space.{name}: {value} cannot be: {reason}") from error

    def start(self, problem: Problem) -> Start:
        """The model and the tokenizer that trials of these settings start from."""
        return start_of(problem, self.dropout)

    @abstractmethod
    def equip(self, model: "PreTrainedModel", setting: Setting, start: Start) -> "PreTrainedModel":
        """The model with what learns marked as such."""

    def save(self, model: "PreTrainedModel", folder: Path) -> None:
        """Writes what `equip` made, and training changed, as a model that plain `transformers` loads."""
        model.save_pretrained(folder)

    def space(self, search: SearchConfig) -> dict[str, Values]:
        """What a search draws from."""
        low, high = min(self.learning_rates), max(self.learning_rates)
        rates = Range(low=low, high=high, log=True) if low < high else (low,)
        return {"learning_rate": rates, "train_embeddings": self.train_embeddings, **search.space}

    def value(self, name: str) -> Any:
        """What the section itself says of a hyperparameter; of several rates the first."""
        firsts = {"learning_rate": self.learning_rates[0], "train_embeddings": self.train_embeddings[0]}
        return firsts[name] if name in firsts else getattr(self, name)

    def at(self, setting: Setting) -> Self:
        """The same with what a search has drawn in place of what the section says."""
        return self.model_copy(update=dict(setting.others))

    @property
    def beginning(self) -> str:
        """What tells the starts of trials from one another."""
        return "-".join(str(getattr(self, name)) for name in self.begins_with)

    @property
    def ways(self) -> tuple[bool, ...]:
        """In how many ways embeddings are treated."""
        values = self.search.space.get("train_embeddings") if self.search else None
        return tuple(dict.fromkeys(self.train_embeddings if values is None else map(bool, values)))

    @property
    def trials(self) -> int:
        """How many settings are tried."""
        return self.search.trials if self.search else len(self.settings())

    def settings(self) -> list[Setting]:
        """What the trials of the grid try, in order."""
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
