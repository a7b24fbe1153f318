"""Pretraining: a model learns an objective from encoded documents."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from models.backbone.config import ModelConfig
from models.config import PLUMBING, Config
from models.interfaces.objective import Objective, ObjectiveField
from models.late import np, pl
from models.pretraining.batches import Batches, vocabulary_of
from models.seeds import derive
from models.tokens.documents import Documents
from models.tokens.packing import EncodeConfig
from models.training.optimizers import OptimizerConfig
from models.training.settings import Sharding, TrainingSettings
from models.workplace import Workplace

if TYPE_CHECKING:  # torch and transformers take seconds to import, and recipes load this module
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from models.training.record import Record


class TrainConfig(TrainingSettings):
    """How long and how a model is pretrained."""

    tokens: int | None = Field(
        default=None, ge=1, description="How many tokens to read in all; or give epochs."
    )
    epochs: float | None = Field(
        default=None, gt=0, description="How often to read the corpus; or give tokens."
    )
    batch_tokens: int = Field(default=4096, ge=64, description="Tokens in a batch.")
    optimizer: OptimizerConfig = Field(
        default=OptimizerConfig(kind="muon", learning_rate=2e-3, matrix_learning_rate=3e-3),
        description="Optimiser and schedule.",
    )
    warm_start: bool = Field(
        default=False,
        description="Start token embeddings from what occurs together in the corpus (PPMI and SVD). With it, a low "
        "optimizer.learning_rate keeps what they say.",
    )
    log_every: int = Field(default=50, ge=1, description="Steps between two points of the training curve.")
    evaluations: int = Field(
        default=10, ge=1, description="How often the loss on held-out text is measured along the way."
    )
    evaluation_tokens: int = Field(default=100_000, ge=1, description="Held-out tokens it is measured on.")
    sharding: Sharding = Field(
        default="none",
        description="What each of several processes holds only a share of: none, optimizer (its states), or full "
        "(weights and gradients too: FSDP), for models that do not fit. The model is the same within rounding.",
        json_schema_extra=PLUMBING,
    )
    checkpoint_seconds: float = Field(
        default=30.0,
        ge=0,
        description="Seconds between two checkpoints; changes no result.",
        json_schema_extra=PLUMBING,
    )

    @model_validator(mode="after")
    def _one_length(self) -> TrainConfig:
        if (self.tokens is None) == (self.epochs is None):
            raise ValueError("how long to train: give either tokens or epochs")
        return self

    def steps(self, tokens_in_corpus: int, batches_in_epoch: int) -> int:
        """Number of steps on a corpus."""
        epochs = self.epochs if self.epochs is not None else (self.tokens or 0) / tokens_in_corpus
        return max(1, math.ceil(epochs * batches_in_epoch / self.gradient_accumulation))


class PretrainConfig(Config):
    """Everything about a pretrained model but its data."""

    objective: ObjectiveField = Field(
        description="What is learnt: mlm, clm, or a mapping with its kind and settings."
    )
    model: ModelConfig = Field(default=ModelConfig(), description="The model.")
    train: TrainConfig = Field(description="How long and how.")
    encode: EncodeConfig = Field(default=EncodeConfig(), description="How documents make up sequences.")
    seed: int = Field(default=1, ge=0, description="Of fresh weights, order and masking.")


def pretrain(
    config: PretrainConfig,
    train: Documents,
    validation: Documents,
    tokenizer: PreTrainedTokenizerBase,
    workplace: Workplace,
    *,
    on_log: Callable[[Record], None] = lambda record: None,
    on_progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> tuple[PreTrainedModel, list[Record]]:
    """A pretrained model and its curve."""
    from models.backbone import build
    from models.pretraining import warm_start
    from models.training import distributed, loop
    from models.training.plan import Plan

    objective: Objective = config.objective
    model = build.build(config.model, tokenizer, objective.model_class, config.seed)
    vocabulary = vocabulary_of(train, tokenizer)
    if config.model.pretrained is None:
        objective.prepare(model, vocabulary)
        if config.train.warm_start and distributed.team().leads:  # the others get its weights
            on_progress(0, 1, "counting which tokens occur together")
            warm_start.apply(model, train, vocabulary.special, config.seed, workplace)
    batches = Batches(objective, train, vocabulary, config.train.batch_tokens, config.seed)
    unseen = sample(validation, config)
    held_out = Batches(objective, unseen, vocabulary, config.train.batch_tokens, config.seed)
    fixed = [held_out.at(step) for step in range(len(held_out))]
    steps = config.train.steps(train.tokens, len(batches))
    accumulated = config.train.gradient_accumulation
    history = loop.train(
        model,
        lambda step: [batches.at(step * accumulated + part) for part in range(accumulated)],
        objective.losses,
        Plan(
            steps=steps,
            optimizer=config.train.optimizer,
            seed=config.seed,
            settings=config.train,
            log_every=config.train.log_every,
            evaluate_every=max(1, steps // config.train.evaluations),
            keep_best=None if config.train.early_stopping is None else lambda found: -found["loss"],
            workplace=workplace,
            checkpoint_seconds=config.train.checkpoint_seconds,
            sharding=config.train.sharding,
        ),
        targets_of=objective.targets,
        part_of=objective.part,
        evaluate=lambda model: held_out_loss(model, objective, fixed, unseen.size),
        on_log=on_log,
        on_progress=on_progress,
    )
    return model, history


def sample(documents: Documents, config: PretrainConfig) -> Documents:
    """Documents drawn at random, of about `evaluation_tokens` in all."""
    order = np.random.default_rng(derive(config.seed, "evaluation")).permutation(len(documents))
    enough = int(np.searchsorted(np.cumsum(documents.lengths[order]), config.train.evaluation_tokens)) + 1
    return documents.of(np.sort(order[:enough]))


def held_out_loss(
    model: PreTrainedModel, objective: Objective, batches: list[dict[str, Tensor]], size: int
) -> Mapping[str, float]:
    """`loss`, the mean over all targets in nats, and what the objective makes of it for text of `size` bytes."""
    sums, targets = 0.0, 0
    for batch in batches:
        total, number = objective.evaluate(
            model, {name: tensor.to(model.device) for name, tensor in batch.items()}
        )
        sums, targets = sums + total, targets + number
    return {"loss": sums / max(1, targets), **objective.rates(sums, max(1, targets), size)}


def save(
    folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, history: list[Record]
) -> None:
    """`model/` that loads in plain transformers, and `history.parquet`, without what is measured by the clock."""

    from models.training.record import lasting

    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    curve = pl.from_dicts(
        [{name.replace("/", "_"): value for name, value in lasting(point).items()} for point in history]
    )
    curve.write_parquet(folder / "history.parquet", compression="zstd")
