"""One training of one setting: from the start all trials share to the weights that are best on validation rows."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor
from transformers import PreTrainedModel

from models.backbone.heads import load
from models.inference.inputs import Inputs, predict
from models.interfaces.transfer import Problem
from models.seeds import derive
from models.training.loop import Diverged, Plan, Record, accelerator, train
from models.tuning.linear_start import fit_last_layer
from models.tuning.schedule import Schedule, Setting

DONE = "done.json"
"""Written last into a trial's folder."""
SCORE = "score"
EVALUATED = f"eval/{SCORE}"
LINEAR_ROWS = 10_000
"""Rows that are enough for a layer of a few hundred weights."""
SORTED_BATCHES = 16
"""Batches' worth of rows that are sorted together, so that like rows share a batch and much stays random."""


def run_trial(
    config: Schedule,
    problem: Problem,
    rows: int,
    setting: Setting,
    folder: Path,
    on_progress: Callable[[float, str], None],
) -> None:
    """Trains on the first `rows` training rows and writes `model/` and, last, `done.json` into `folder`."""
    downstream = problem.downstream
    inputs = _inputs(problem, problem.train.head(rows))
    validation = _inputs(problem, problem.validation)
    start, first = _start(config, problem, rows, inputs, validation)
    batches = Batches(inputs, config, derive(problem.seed, "batches"))
    steps = config.steps(len(batches.examples))
    model = config.equip(load(start, downstream), setting, problem)
    history, diverged = [first], False
    try:
        history += train(
            model,
            batches,
            lambda model, batch: {"loss": downstream.loss(model, batch)},  # type: ignore[arg-type]
            _plan(config, problem, steps, setting, folder),
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
        model = config.equip(load(start, downstream), setting, problem)
    config.save(model, folder / "model")
    result = {
        "rows": rows,
        "steps": steps,
        "learning_rate": setting.learning_rate,
        "train_embeddings": setting.train_embeddings,
        "best_step": best["step"],
        "diverged": diverged,
        "score": best[EVALUATED],
        "metrics": {
            name.removeprefix("eval/"): value
            for name, value in _shown(best).items()
            if name.startswith("eval/")
        },
        "history": [_shown(record) for record in history],
        "trainable_parameters": trainable,
    }
    _write(folder / DONE, result)


def _inputs(problem: Problem, rows: pl.DataFrame) -> Inputs:
    """Labelled rows, tokenised, with those that examples speak of after them."""
    return Inputs(problem.downstream, problem.tokenizer, pl.concat([rows, problem.pool]), labelled=True)


def _plan(config: Schedule, problem: Problem, steps: int, setting: Setting, folder: Path) -> Plan:
    return Plan(
        steps=steps,
        optimizer=config.plan(setting.learning_rate),
        seed=derive(problem.seed, "dropout"),
        log_every=max(1, steps // 50),
        evaluate_every=math.ceil(steps / config.evaluations),
        keep_best=SCORE,
        device=problem.device,
        threads=problem.threads,
        scratch=folder / "checkpoints",
    )


def _shown(record: Record) -> Record:
    """A point of the curves without what only serves the choice."""
    return {name: value for name, value in record.items() if name != EVALUATED}


def _write(path: Path, value: Any) -> None:
    """The whole file or none."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(value))
    draft.rename(path)


def evaluate(model: PreTrainedModel, validation: Inputs) -> dict[str, float]:
    """Metrics on validation rows, the loss, and `score`: the headline metric, higher is better, ties by loss."""
    predictions, loss = predict(model, validation)
    metrics = validation.downstream.evaluate(validation.rows, predictions)
    sign = -1 if validation.downstream.headline in validation.downstream.lower_is_better else 1
    score = sign * metrics[validation.downstream.headline]
    return (
        {**metrics, SCORE: score} if loss is None else {"loss": loss, **metrics, SCORE: score - 1e-6 * loss}
    )


class Batches:
    """The batch of a step: a pure function of the seed and the step."""

    def __init__(self, inputs: Inputs, config: Schedule, seed: int) -> None:
        self.inputs, self.config, self.seed = inputs, config, seed
        examples = [at for at, feature in enumerate(inputs.features) if not feature.get("pool")]
        self.examples = np.array(examples)
        features = [inputs.features[at] for at in examples]
        self.alike = np.array([item.get("alike", len(item["input_ids"])) for item in features])
        self.per_epoch = math.ceil(len(self.examples) / config.batch_size)
        self.epoch = lru_cache(maxsize=2)(self._epoch)
        self.special = torch.tensor(inputs.tokenizer.all_special_ids)

    def __call__(self, step: int) -> Mapping[str, Tensor]:
        epoch, index = divmod(step, self.per_epoch)
        batch = self.inputs.batch(self.epoch(epoch)[index])
        mask: Any = self.inputs.tokenizer.mask_token_id
        if self.config.word_dropout and mask is not None and not self.inputs.downstream.decoder:
            ids = batch["input_ids"]
            generator = torch.Generator().manual_seed(derive(self.seed, "words", step))
            hidden = torch.rand(ids.shape, generator=generator) < self.config.word_dropout
            batch["input_ids"] = ids.masked_fill(hidden & ~torch.isin(ids, self.special), int(mask))
        return batch

    def _epoch(self, epoch: int) -> list[Sequence[int]]:
        """Indices of every batch of an epoch, in random order: together are rows that are `alike`, where the downstream
        says so, or of like length, so that little is padded."""
        generator = np.random.default_rng(derive(self.seed, "order", epoch))
        order = generator.permutation(len(self.examples))
        size, batches = self.config.batch_size, []
        for begin in range(0, len(order), size * SORTED_BATCHES):
            chunk = order[begin : begin + size * SORTED_BATCHES]
            chunk = chunk[np.argsort(self.alike[chunk], kind="stable")]
            batches += [self.examples[chunk[at : at + size]].tolist() for at in range(0, len(chunk), size)]
        return [batches[at] for at in generator.permutation(len(batches))]


def _start(
    config: Schedule, problem: Problem, rows: int, inputs: Inputs, validation: Inputs
) -> tuple[Path, Record]:
    """Folder of the model that all trials on these rows start from, and its point of the curves.

    Made by the first trial.
    """
    folder = problem.scratch / f"start-{rows}"
    point = folder.with_suffix(".json")
    if not point.is_file():
        torch.set_num_threads(problem.threads or torch.get_num_threads())
        model = problem.start().to(accelerator(problem.device).device)
        if config.linear_start:
            fit_last_layer(model, inputs.head(LINEAR_ROWS), validation)
        model.save_pretrained(folder)
        scores = {f"eval/{name}": value for name, value in evaluate(model, validation).items()}
        _write(point, {"step": 0, "tokens": 0, **scores})
    return folder, json.loads(point.read_text())
