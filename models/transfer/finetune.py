"""Fine-tuning: all weights go on learning from labelled rows. `scratch` is the same from random weights.

Settings are tried one after another and chosen, as checkpoints are, on validation rows only. Each trial that has
ended stays in the scratch folder, and one that was killed goes on from its checkpoint, so no trial runs twice.
"""

import itertools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, PositiveFloat

from models.errors import DataError
from models.interfaces.transfer import Problem, Progress, Transfer, Tuned
from models.training.optimizers import OptimizerConfig

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel


class Finetune(Transfer):
    """All weights learn; the same for a pretrained model and for one from scratch."""

    kind: Literal["finetune"] = "finetune"
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
    batch_size: int = Field(default=32, ge=1, description="Training rows a step.")
    evaluations: int = Field(
        default=8,
        ge=1,
        description="How often validation rows are looked at; the best weights, the start's included, are kept.",
    )
    optimizer: Literal["adamw", "muon"] = Field(
        default="adamw", description="adamw, or muon for the weight matrices."
    )
    weight_decay: float = Field(default=0.01, ge=0, description="Decoupled weight decay of the matrices.")
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

    def settings(self) -> list["Setting"]:
        """What the trials try, in order."""
        return [Setting(*pair) for pair in itertools.product(self.learning_rates, self.train_embeddings)]

    def steps(self, examples: int) -> int:
        """Training steps for a number of examples: rows, or the windows that long ones are read in."""
        return max(self.min_steps, math.ceil(self.epochs * examples / self.batch_size))

    def plan(self, learning_rate: float) -> OptimizerConfig:
        """The optimiser at one learning rate, which rises and then falls to 0."""
        return OptimizerConfig(
            kind=self.optimizer,
            learning_rate=learning_rate,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            schedule="linear",
        )

    def carry(self, problem: Problem, on_progress: Progress) -> Tuned:
        """Tries the settings and gives back the best by validation.

        Raises:
            DataError: training diverged in every trial, or the rows do not fit the model.
        """
        rows = problem.train.height
        few = min(rows, self.search_rows)
        settings = self.settings()
        stages = [rows] if few == rows or len(settings) == 1 else [few, rows]
        ways = len(set(self.train_embeddings))
        total = self.steps(stages[0]) * len(settings) + ways * sum(self.steps(count) for count in stages[1:])
        search = _Search(self, problem, on_progress, total)
        tried = search.tried(stages[0], settings)
        for count in stages[1:]:
            tried = search.tried(count, _best_of_each_way(tried))
        best = max(tried, key=lambda item: item["score"])
        if all(item["diverged"] for item in search.found):
            raise DataError(f"training diverged at every one of {self.kind}.learning_rates: add lower ones")
        shown = ("rows", "steps", "learning_rate", "train_embeddings", "best_step", "metrics", "diverged")
        return Tuned(
            {"model": best["folder"] / "model"},
            {name: best[name] for name in ("learning_rate", "train_embeddings", "best_step")},
            best["metrics"],
            best["trainable_parameters"],
            best["history"],
            [{name: item[name] for name in shown} for item in search.found],
            problem.tokenizer,
        )

    def without_search(self) -> Self:
        first = {"learning_rates": self.learning_rates[:1], "train_embeddings": self.train_embeddings[:1]}
        return self.model_copy(update=first)

    def equip(self, model: "PreTrainedModel", setting: "Setting", problem: Problem) -> "PreTrainedModel":
        """The model with what learns marked as such."""
        model.get_input_embeddings().requires_grad_(setting.train_embeddings)
        return model

    def save(self, model: "PreTrainedModel", folder: Path) -> None:
        """Writes what `equip` made, and training changed, as a model that plain `transformers` loads."""
        model.save_pretrained(folder)


@dataclass(frozen=True)
class Setting:
    """What one trial tries."""

    learning_rate: float
    train_embeddings: bool

    def __str__(self) -> str:
        return f"{self.learning_rate:g}{'' if self.train_embeddings else ', embeddings frozen'}"


DONE = "done.json"
"""Written last into a trial's folder."""


def _best_of_each_way(tried: list[dict[str, Any]]) -> list[Setting]:
    """The best learning rate with embeddings that learn, and with embeddings that stay.

    A rate that is good on some rows is good on more; whether embeddings should learn turns on how many rows there are.
    """
    best: dict[bool, dict[str, Any]] = {}
    for item in sorted(tried, key=lambda item: item["score"], reverse=True):
        best.setdefault(item["train_embeddings"], item)
    return [Setting(item["learning_rate"], way) for way, item in best.items()]


class _Search:
    """Trials one after another; those that have ended before are read, not run."""

    def __init__(self, config: Finetune, problem: Problem, on_progress: Progress, total: int) -> None:
        self.config, self.problem, self.on_progress, self.total = config, problem, on_progress, total
        self.done = 0
        self.found: list[dict[str, Any]] = []

    def tried(self, rows: int, settings: list[Setting]) -> list[dict[str, Any]]:
        """What `settings` came to on the first `rows` training rows."""
        made = [self._trial(rows, setting) for setting in settings]
        self.found += made
        return made

    def _trial(self, rows: int, setting: Setting) -> dict[str, Any]:
        from models.tuning.trial import run_trial

        frozen = "" if setting.train_embeddings else "-frozen"
        folder = self.problem.scratch / f"trial-{rows}-{setting.learning_rate:g}{frozen}"
        before, share = self.done, self.config.steps(rows)
        if not (folder / DONE).is_file():
            run_trial(
                self.config,
                self.problem,
                rows,
                setting,
                folder,
                lambda part, text: self.on_progress(before + round(part * share), self.total, text),
            )
        self.done += share
        return json.loads((folder / DONE).read_text()) | {"folder": folder}
