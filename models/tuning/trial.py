"""One training of one setting: from the start all trials share to the weights that are best on validation rows."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor
from transformers import PreTrainedModel

from models.backbone.heads import load
from models.files import seal, sealed
from models.inference.inputs import Inputs, outputs
from models.interfaces.transfer import Problem
from models.seeds import derive
from models.training.curve import Diverged
from models.training.hardware import hardware
from models.training.loop import train
from models.training.plan import Plan
from models.training.record import Record
from models.tuning.hyperparameters import Hyperparameters, Setting
from models.tuning.linear_start import fit_last_layer
from models.tuning.mining import mine
from models.tuning.result import MODEL, Result
from models.tuning.start import Start
from models.workplace import Workplace

SCORE = "score"
POINT = "point.json"
EVALUATED = f"eval/{SCORE}"
LINEAR_ROWS = 10_000
"""Rows that are enough for a layer of a few hundred weights."""
SORTED_BATCHES = 16
"""Batches' worth of rows that are sorted together, so that like rows share a batch and much stays random."""


def run_trial(
    config: Hyperparameters,
    start: Start,
    rows: int,
    setting: Setting,
    folder: Path,
    on_progress: Callable[[float, str], None],
) -> Result:
    """Trains on the first `rows` training rows; writes `model/` and, last, the result into `folder`."""
    problem, downstream = start.problem, start.problem.downstream
    inputs, validation = _inputs(start, problem.train.head(rows)), _inputs(start, problem.validation)
    origin, first = _origin(config, start, rows, inputs, validation)
    mine(inputs, origin, derive(problem.seed, "mined"), problem.workplace)
    batches = Batches(inputs, config, derive(problem.seed, "batches"))
    steps = config.steps(len(batches.examples))
    model = config.equip(load(origin, downstream), setting, start)
    history, diverged = [first], False
    try:
        history += train(
            model,
            batches,
            lambda model, batch: {"loss": downstream.loss(model, batch)},  # type: ignore[arg-type]
            _plan(config, problem, steps, setting, replace(problem.workplace, folder=folder / "checkpoints")),
            targets_of=downstream.targets,
            evaluate=lambda model: evaluate(model, validation),  # type: ignore[arg-type]
            on_progress=lambda done, _, text: on_progress(
                done / steps, f"{rows:,} rows at {setting}: {text}"
            ),
        )
    except Diverged:  # too high a rate is a poor setting, not the end of the search
        diverged = True
    best = max((item for item in history if EVALUATED in item), key=lambda item: item[EVALUATED])
    trainable = sum(item.numel() for item in model.parameters() if item.requires_grad)
    if best is first:  # nothing learnt after the start was better on validation rows
        model = config.equip(load(origin, downstream), setting, start)
    config.save(model, folder / MODEL)
    shown = _shown(best)
    result = Result(
        rows=rows,
        steps=steps,
        learning_rate=setting.learning_rate,
        train_embeddings=setting.train_embeddings,
        others=dict(setting.others),
        best_step=int(best["step"]),
        diverged=diverged,
        score=best[EVALUATED],
        metrics={name[5:]: value for name, value in shown.items() if name.startswith("eval/")},
        history=[_shown(record) for record in history],
        trainable_parameters=trainable,
    )
    result.write(folder)
    return result


def _inputs(start: Start, rows: pl.DataFrame) -> Inputs:
    """Labelled rows, tokenised, with those that examples speak of after them."""
    problem = start.problem
    return Inputs(problem.downstream, start.tokenizer, pl.concat([rows, problem.pool]), labelled=True)


def _plan(
    config: Hyperparameters, problem: Problem, steps: int, setting: Setting, workplace: Workplace
) -> Plan:
    return Plan(
        steps=steps,
        optimizer=config.optimizer_at(setting.learning_rate),
        seed=derive(problem.seed, "dropout"),
        settings=config,
        log_every=max(1, steps // 50),
        evaluate_every=math.ceil(steps / config.evaluations),
        keep_best=lambda found: found[SCORE],
        workplace=workplace,
    )


def _shown(record: Record) -> Record:
    """A point of the curves without what only serves the choice."""
    return {name: value for name, value in record.items() if name != EVALUATED}


def evaluate(model: PreTrainedModel, validation: Inputs) -> dict[str, float]:
    """Metrics on validation rows, the loss, and `score`: the headline metric, higher is better, ties by loss."""
    made, loss = outputs(model, validation)
    features, rows = validation.features, validation.rows
    downstream = validation.downstream.tuned_on(rows, lambda own: own.decode(made, features, rows))
    metrics = downstream.evaluate(rows, downstream.decode(made, features, rows))
    sign = -1 if downstream.headline in downstream.lower_is_better else 1
    score = sign * metrics[downstream.headline]
    return (
        {**metrics, SCORE: score} if loss is None else {"loss": loss, **metrics, SCORE: score - 1e-6 * loss}
    )


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
        for begin in range(0, len(order), size * SORTED_BATCHES):
            chunk = order[begin : begin + size * SORTED_BATCHES]
            chunk = chunk[np.argsort(self.alike[chunk], kind="stable")]
            batches += [self.examples[chunk[at : at + size]].tolist() for at in range(0, len(chunk), size)]
        return [batches[at] for at in generator.permutation(len(batches))]


def _origin(
    config: Hyperparameters, start: Start, rows: int, inputs: Inputs, validation: Inputs
) -> tuple[Path, Record]:
    """Folder of the model that all trials on these rows start from, and its point of the curves.

    Made by the first trial.
    """
    workplace, folder = start.problem.workplace, start.problem.folder / f"start-{rows}-{config.beginning}"
    if not sealed(folder, MODEL, POINT):
        torch.set_num_threads(workplace.threads or torch.get_num_threads())
        device = hardware(workplace.device).device
        model = start.model().to(device)
        if config.linear_start:
            fit_last_layer(model, inputs.head(LINEAR_ROWS), validation)
        model.save_pretrained(folder / MODEL)
        scores = {f"eval/{name}": value for name, value in evaluate(model, validation).items()}
        (folder / POINT).write_text(json.dumps({"step": 0, "tokens": 0, **scores}))
        seal(folder, MODEL, POINT)
    return folder / MODEL, json.loads((folder / POINT).read_text())
