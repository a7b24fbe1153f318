"""A probe: a step's own work, on a sample of its own rows and for a few training steps, with a watch beside it.

Runs in a training process of its own. What would have to be learnt first, a tokenizer or a model, is stood in for by
one of the same size that has learnt nothing: it takes as long to train and to ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from flows.estimates import sampled, standing_in
from flows.estimates.rates import Adapting, Pretraining, Rows
from flows.estimates.watched import Stage, Watched
from models import files
from models.pretraining.batches import Batches, vocabulary_of
from models.pretraining.pretrain import PretrainConfig
from models.tuning.hyperparameters import Hyperparameters
from tasks.adapt import AdaptConfig
from tasks.graph import refs
from tasks.graph.step import step_of
from tasks.predict import PredictConfig, predict
from tasks.running.memory import forget_peak, peak

STEPS = 5
"""Training steps of a way of transfer; the first is not counted."""
LEAST, MOST = 300, 1500
"""Rows of each file that are read for it."""
SECONDS = 2.5
"""How long pretraining is tried."""

_imported = set[type]()
"""Ways that this process has been through."""


def adapting(stage: Stage, ref: refs.Adapted) -> tuple[Rows, Adapting]:
    """The rows of an entry, and what carrying a model over to it, and asking it, takes."""
    config = ref.config
    assert isinstance(config, AdaptConfig)
    wanted = STEPS * config.way.step_rows if isinstance(config.way, Hyperparameters) else LEAST
    if config.way is None:  # quick to fit, and small fits do not show how it grows
        wanted = MOST
    count, folder = sampled.labelled(stage, ref.rows, min(MOST, max(LEAST, round(1.3 * wanted))))
    known = {**stage.there, ref.rows.key: folder}
    for parent in ref.parents():
        if isinstance(parent, refs.Tokenizer):
            known[parent.key] = standing_in.tokenizer(stage, parent)
        elif isinstance(parent, refs.Model):
            known[parent.key] = standing_in.model(stage, parent)
    if config.way is None:
        return count, _baseline(stage, ref, config, known, sampled.sizes(folder))
    return count, _carried(stage, ref, config, known, sampled.sizes(folder))


def _carried(
    stage: Stage, ref: refs.Adapted, config: AdaptConfig, known: dict[str, Path], rows: Rows
) -> Adapting:
    way = config.way
    trained = isinstance(way, Hyperparameters)
    if trained:
        rates, embeddings = way.learning_rates[:1], way.train_embeddings[:1]
        short = {"learning_rates": rates, "train_embeddings": embeddings, "search": None, "epochs": 1.0}
        short |= {"min_steps": 1, "evaluations": 1, "early_stopping": None}
        way = way.model_copy(update=short)
    update = {"labels": None, "validation_rows": None, "way": way}
    short_config = config.model_copy(update=update)
    if type(way) not in _imported:  # the first of a kind also imports, which a training process does once
        _predicted(stage, ref, config, known, _timed(stage, ref, short_config, known)[0])
        _imported.add(type(way))
    job, seconds = _timed(stage, ref, short_config, known)
    predicted = _predicted(stage, ref, config, known, job) / max(1, rows.test)
    measured = {"predicted": predicted, "memory": peak(), "disk": files.size(job.out)}
    if not trained or len(job.times) < 3:
        asked = min(predicted, seconds / (2 * rows.validation))
        return Adapting(max(0.0, seconds - rows.validation * asked), asked, **measured)
    moments = job.times
    gaps = [after - before for before, after in pairwise(moments)]
    step = median(gaps[:-1])
    asked = max(0.0, gaps[-1] - step) / rows.validation
    trains = moments[-1] - moments[0] + step
    if asked:  # without loading the model, which does not grow with the rows
        measured["predicted"] = min(predicted, 1.2 * asked)
    once = seconds - trains - (rows.train + rows.validation) * asked
    examples = way.step_rows * len(moments) / max(1, rows.train) if isinstance(way, Hyperparameters) else 1.0
    return Adapting(max(0.0, once), asked, step=step, examples=max(1.0, examples - 0.2), **measured)


def _baseline(
    stage: Stage, ref: refs.Adapted, config: AdaptConfig, known: dict[str, Path], rows: Rows
) -> Adapting:
    """By two fits of different size; the first of all, which also imports, is not counted."""
    few, all_ = max(2, rows.train // 4), rows.train
    seconds, job = {}, None
    for labels in (few, few, all_):
        job, seconds[labels] = _timed(stage, ref, config.model_copy(update={"labels": labels}), known)
    assert job is not None
    row = max(0.0, (seconds[all_] - seconds[few]) / max(1, all_ - few))
    predicted = _predicted(stage, ref, config, known, job) / max(1, rows.test)
    once = max(0.0, seconds[few] - few * row)
    return Adapting(once, 0.0, predicted, row=row, memory=peak(), disk=files.size(job.out))


def _timed(
    stage: Stage, ref: refs.Adapted, config: AdaptConfig, known: Mapping[str, Path]
) -> tuple[Watched, float]:
    job = Watched(stage, "adapt", known)
    forget_peak()
    begun = stage.clock()
    step_of(ref).fn(job, config, **ref.inputs)
    return job, stage.clock() - begun


def _predicted(
    stage: Stage, ref: refs.Adapted, config: AdaptConfig, known: dict[str, Path], job: Watched
) -> float:
    asked = Watched(stage, "predict", {**known, ref.key: job.out})
    begun = stage.clock()
    predict.fn(asked, PredictConfig(downstream=config.downstream, way=config.way), rows=ref.rows, adapted=ref)
    return stage.clock() - begun


def pretraining(stage: Stage, ref: refs.Model) -> Pretraining:
    """What a token of a pretraining takes, learnt from and judged on, on text of the corpus."""
    from models.backbone import build
    from models.tokens.tokenizer import load_tokenizer
    from models.training import loop
    from models.training.parts import tokens_in

    config = ref.config
    assert isinstance(config, PretrainConfig)
    tokenizer = load_tokenizer(standing_in.tokenizer(stage, standing_in.tokenizer_of(ref)))
    read = sampled.texts(ref)
    documents = sampled.encoded(stage, read, tokenizer, config.encode)
    vocabulary = vocabulary_of(documents, tokenizer)
    batches = Batches(config.objective, documents, vocabulary, config.train.batch_tokens, config.seed)
    forget_peak()
    begun = stage.clock()
    model = build.build(config.model, tokenizer, config.objective.model_class, config.seed)
    accumulated, times, tokens = config.train.gradient_accumulation, list[float](), list[int]()

    def batches_at(step: int) -> list[Any]:
        made = [batches.at(step * accumulated + part) for part in range(accumulated)]
        tokens.append(sum(map(tokens_in, made)))
        return made

    def enough(done: int, total: int, text: str) -> None:
        times.append(stage.clock())
        if len(times) > STEPS and times[-1] - times[0] > SECONDS:
            raise _Enough

    plan = loop.Plan(
        steps=1_000_000,
        optimizer=config.train.optimizer,
        seed=1,
        settings=config.train,
        log_every=1_000_000,
        workplace=replace(stage.workplace, folder=None),
    )
    with suppress(_Enough):
        loop.train(
            model,
            batches_at,
            config.objective.losses,
            plan,
            targets_of=config.objective.targets,
            on_progress=enough,
        )
    token = (times[-1] - times[0]) / sum(tokens[1 : len(times)])
    return Pretraining(
        once=max(0.0, times[0] - begun - tokens[0] * token),
        token=token,
        judged=_judged(stage, model, config, [batches.at(step) for step in range(2)]),
        tokens_a_byte=documents.tokens / sum(len(text.encode()) for text in read),
        memory=peak(),
        disk=4.0 * sum(item.numel() for item in model.parameters()),
    )


def _judged(stage: Stage, model: Any, config: PretrainConfig, batches: Sequence[Mapping[str, Any]]) -> float:
    """Seconds that a held-out token takes."""
    import torch

    from models.training.parts import tokens_in

    model.eval()
    begun = stage.clock()
    with torch.inference_mode():
        for batch in batches:
            config.objective.evaluate(
                model, {name: tensor.to(model.device) for name, tensor in batch.items()}
            )
    return (stage.clock() - begun) / sum(map(tokens_in, batches))


class _Enough(Exception):
    """The probe has seen what it wanted to see."""
