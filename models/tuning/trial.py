"""One training of one setting: from the start all trials share to the weights that are best on validation rows."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from models.backbone.unpadded import unpadded
from models.inference.inputs import Inputs
from models.interfaces.transfer import Problem
from models.seeds import derive
from models.training.curve import Diverged
from models.training.loop import train
from models.training.plan import Plan
from models.training.record import Record
from models.tuning.beginning import begin
from models.tuning.evaluating import EVALUATED, SCORE, evaluate
from models.tuning.hyperparameters import Hyperparameters, Setting
from models.tuning.mining import mine
from models.tuning.result import MODEL, Result
from models.tuning.start import Start

SORTED_BATCHES = 16
"""Batches' worth of rows that are sorted together, so that like rows share a batch and much stays random."""


def run_trial(
    config: Hyperparameters,
    start: Start,
    data: tuple[Inputs, Inputs],
    setting: Setting,
    folder: Path,
    to_beat: float | None,
    on_progress: Callable[[float, str], None],
) -> Result:
    """Trains, and writes the result into `folder`, last of all.

    Args:
        data: training rows, of which a trial may have the first ones alone, and validation rows; each with the pool.
        to_beat: the model is written beside the result where it is better than this; None: in any case.
    """
    problem, (inputs, validation) = start.problem, data
    rows = inputs.rows.height - problem.pool.height
    model, first = begin(config, start, rows, inputs, validation)
    mined = problem.folder / f"mined-{rows}-{config.beginning}.json"
    mine(inputs, model, mined, derive(problem.seed, "mined"))
    batches = Batches(inputs, config, derive(problem.seed, "batches"))
    plan = _plan(config, problem, config.steps(len(batches.examples)), setting, folder)
    model = config.equip(model, setting, start)

    def tell(done: int, steps: int, text: str) -> None:
        on_progress(done / steps, f"{rows:,} rows at {setting}: {text}")

    curve = _learn(model, batches, validation, plan, tell)
    history = [first, *(curve or ())]
    best = max((item for item in history if EVALUATED in item), key=lambda item: item[EVALUATED])
    trainable = sum(item.numel() for item in model.parameters() if item.requires_grad)
    if to_beat is None or not best[EVALUATED] <= to_beat:
        if best is first:  # nothing learnt after the start was better on validation rows
            model = config.equip(begin(config, start, rows, inputs, validation)[0], setting, start)
        config.save(model, folder / MODEL)
    folder.mkdir(parents=True, exist_ok=True)
    shown = _shown(best)
    result = Result(
        rows=rows,
        steps=plan.steps,
        learning_rate=setting.learning_rate,
        train_embeddings=setting.train_embeddings,
        others=dict(setting.others),
        best_step=int(best["step"]),
        diverged=curve is None,
        score=best[EVALUATED],
        metrics={name[5:]: value for name, value in shown.items() if name.startswith("eval/")},
        history=[_shown(record) for record in history],
        trainable_parameters=trainable,
    )
    result.write(folder)
    return result


def _learn(
    model: PreTrainedModel,
    batches: "Batches",
    validation: Inputs,
    plan: Plan,
    on_progress: Callable[[int, int, str], None],
) -> list[Record] | None:
    """The curve; None where the loss stopped being finite: too high a rate is a poor setting, not the search's end."""
    downstream = validation.downstream
    # Kernels that are made for the layers would be made anew for each mixture of lengths.
    with nullcontext() if plan.settings.compile is True else unpadded(model):
        try:
            return train(
                model,
                batches,
                lambda model, batch: {"loss": downstream.loss(model, batch)},  # type: ignore[arg-type]
                plan,
                targets_of=downstream.targets,
                evaluate=lambda model: evaluate(model, validation),
                on_progress=on_progress,
            )
        except Diverged:
            return None


def _plan(config: Hyperparameters, problem: Problem, steps: int, setting: Setting, folder: Path) -> Plan:
    return Plan(
        steps=steps,
        optimizer=config.optimizer_at(setting.learning_rate),
        seed=derive(problem.seed, "dropout"),
        settings=config,
        log_every=max(1, steps // 50),
        evaluate_every=math.ceil(steps / config.evaluations),
        keep_best=lambda found: found[SCORE],
        workplace=replace(problem.workplace, folder=folder / "checkpoints"),
        by_row=True,
    )


def _shown(record: Record) -> Record:
    """A point of the curves without what only serves the choice."""
    return {name: value for name, value in record.items() if name != EVALUATED}


class Batches:
    """The batches of a step: a pure function of the seed and the step."""

    def __init__(self, inputs: Inputs, config: Hyperparameters, seed: int) -> None:
        self.inputs, self.config, self.seed = inputs, config, seed
        examples = [at for at, feature in enumerate(inputs.features) if not feature.pool]
        self.examples = np.array(examples)
        features = [inputs.features[at] for at in examples]
        self.alike = np.array([item.length if item.alike is None else item.alike for item in features])
        self.frequencies = np.array([item.frequency for item in features])
        self.per_epoch = math.ceil(len(self.examples) / config.step_rows)
        self.epoch = lru_cache(maxsize=2)(self._epoch)
        self.special = torch.tensor(inputs.tokenizer.all_special_ids)

    def __call__(self, step: int) -> list[dict[str, Tensor]]:
        epoch, index = divmod(step, self.per_epoch)
        rows, size = self.epoch(epoch)[index], self.config.batch_size
        batches = [self.inputs.batch(rows[at : at + size]) for at in range(0, len(rows), size)]
        mask: Any = self.inputs.tokenizer.mask_token_id
        if self.config.word_dropout and mask is not None and not self.inputs.downstream.decoder:
            self._hide(batches, int(mask), step)
        return batches

    def _hide(self, batches: Sequence[dict[str, Tensor]], mask: int, step: int) -> None:
        """Hides words behind the mask: the same ones in however many batches the rows of a step are."""
        shapes = [batch["input_ids"].shape for batch in batches]
        whole = sum(rows for rows, _ in shapes), max(length for _, length in shapes)
        generator = torch.Generator().manual_seed(derive(self.seed, "words", step))
        drawn = torch.rand(whole, generator=generator).split([rows for rows, _ in shapes])
        for batch, chance in zip(batches, drawn, strict=True):
            ids = batch["input_ids"]
            hidden = (chance[:, : ids.shape[1]] < self.config.word_dropout) & ~torch.isin(ids, self.special)
            batch["input_ids"] = ids.masked_fill(hidden, mask)

    def _epoch(self, epoch: int) -> list[Sequence[int]]:
        """Rows of every step of an epoch, in random order: together are those that are `alike`, where the downstream
        says so, or of like length, so that little is padded.

        Rows that are to be drawn more often than others are drawn with replacement.
        """
        generator = np.random.default_rng(derive(self.seed, "order", epoch))
        order = generator.permutation(len(self.examples))
        if len(set(self.frequencies)) > 1:
            order = generator.choice(order, len(order), p=self.frequencies[order] / self.frequencies.sum())
        size, batches = self.config.step_rows, []
        for first in range(0, len(order), size * SORTED_BATCHES):
            chunk = order[first : first + size * SORTED_BATCHES]
            chunk = chunk[np.argsort(self.alike[chunk], kind="stable")]
            batches += [self.examples[chunk[at : at + size]].tolist() for at in range(0, len(chunk), size)]
        return [batches[at] for at in generator.permutation(len(batches))]
