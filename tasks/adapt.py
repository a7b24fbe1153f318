"""Carrying a model over to a downstream, or fitting one of the two controls."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from pydantic import Field

from models.adapted import POOL, SETTLED, VALIDATION
from models.backbone import ModelConfig
from models.config import Config
from models.downstream import Downstream, DownstreamField
from models.draws import draw
from models.errors import DataError
from models.seeds import derive
from models.transfer.finetune import FinetuneConfig, Problem, Tuned, finetune
from tasks import refs, serving
from tasks.job import Job
from tasks.step import step

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class AdaptConfig(Config):
    """What is carried over how, and with how many labels."""

    downstream: DownstreamField = Field(description="The NLP task.")
    mode: Literal["finetune", "zero_shot", "scratch", "baseline"] = Field(
        default="finetune",
        description="finetune a pretrained model, or ask it untrained (zero_shot); or a control: scratch (no "
        "pretraining), baseline.",
    )
    labels: int | None = Field(
        default=None,
        ge=0,
        description="Training rows in all, classes balanced; as many validation rows at most. None: all.",
    )
    validation_rows: int | None = Field(
        default=None, ge=1, description="Validation rows at most, where looking at them takes long."
    )
    seed: int = Field(default=1, description="Draws the rows and the order of training.")
    finetune: FinetuneConfig = Field(default=FinetuneConfig(), description="How all weights are trained.")
    model: ModelConfig = Field(default=ModelConfig(), description="Architecture of the model from scratch.")

    def identity(self) -> Any:
        """What the mode does not use changes nothing."""
        unused = {
            "finetune": {"model"},
            "zero_shot": {"model", "finetune"},
            "scratch": set(),
            "baseline": {"model", "finetune"},
        }[self.mode]
        return {name: value for name, value in super().identity().items() if name not in unused}


@step(refs.Adapted, isolated=True)
def adapt(
    job: Job,
    config: AdaptConfig,
    rows: refs.Split,
    tokenizer: refs.Tokenizer | None,
    model: refs.Model | None,
) -> None:
    """Learns a downstream from labelled rows; every choice is made on validation rows, and test rows are not read."""
    folder = job.files(rows)
    every = pl.read_parquet(folder / "train.parquet")
    downstream = _form(config).settle(every)
    train = draw(every, config.labels, derive(config.seed, "labels"), downstream.balance)
    most = min((count for count in (config.labels, config.validation_rows) if count), default=None)
    validation = draw(pl.read_parquet(folder / "validation.parquet"), most, derive(config.seed, "validation"))
    pool = pl.read_parquet(folder / "pool.parquet") if downstream.pool else every.clear()
    if config.labels != 0:
        downstream.check(train)
    if validation.is_empty():
        raise DataError("there are no validation rows, by which settings are chosen: give the source some")
    (job.out / SETTLED).write_text(downstream.model_dump_json(indent=2), encoding="utf-8")
    job.say(f"{train.height:,} training and {validation.height:,} validation rows")
    if config.mode == "baseline":
        summary = _baseline(job, config, downstream, pl.concat([train, pool]), pl.concat([validation, pool]))
    else:
        given = tokenizer if config.mode == "scratch" else model
        assert given is not None, (
            f"{config.mode} needs a {'tokenizer' if config.mode == 'scratch' else 'model'}"
        )
        source = job.files(given) if config.mode == "scratch" else job.files(given) / "model"
        summary = _model(job, config, downstream, (train, validation, pool), source)
    summary = {"mode": config.mode, "labels": config.labels, "seed": config.seed} | summary
    summary |= {"rows": {"train": train.height, "validation": validation.height}}
    (job.out / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False), encoding="utf-8")
    job.metrics({f"validation/{name}": value for name, value in summary["validation"].items()})


def _form(config: AdaptConfig) -> Downstream:
    """The downstream in the form that the mode asks for."""
    if config.mode != "zero_shot":
        return config.downstream
    form = config.downstream.untrained()
    if form is None:
        raise DataError(f"{config.downstream.kind} has no answers from a model that has learnt nothing of it")
    return form


def _baseline(
    job: Job, config: AdaptConfig, downstream: Downstream, train: pl.DataFrame, validation: pl.DataFrame
) -> dict[str, Any]:
    baseline = downstream.fit_baseline(train, validation, config.seed)
    baseline.save(job.out / "baseline")
    scores = downstream.evaluate(validation, baseline.predict(validation))
    return {"setting": baseline.setting, "validation": scores, "trainable_parameters": None}


def _model(
    job: Job,
    config: AdaptConfig,
    downstream: Downstream,
    rows: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame],
    source: Path,
) -> dict[str, Any]:
    """Carries over what is in `source`, a model's folder, or a tokenizer's folder where the start is random.

    Args:
        rows: training rows, validation rows, and those that both speak of.
    """
    from models import tokenization
    from models.transfer.heads import from_scratch, transferred
    from models.transfer.in_context import untrained

    tokenizer = tokenization.load(source)

    def start() -> "PreTrainedModel":
        dropout, seed = config.finetune.dropout, derive(config.seed, "head")
        if config.mode == "scratch":
            return from_scratch(downstream, tokenizer, config.model, dropout, seed)
        return transferred(downstream, tokenizer, source, dropout, seed)

    problem = Problem(downstream, tokenizer, start, *rows, config.seed, job.scratch, job.device, job.threads)
    tuned = (
        untrained(problem) if config.mode == "zero_shot" else finetune(config.finetune, problem, job.progress)
    )
    shutil.copytree(tuned.model, job.out / "model")
    tokenizer.save_pretrained(job.out / "model")
    downstream.export(job.out / "model", tokenizer)
    if downstream.pool is not None:
        problem.pool.write_parquet(job.out / POOL, compression="zstd")
    _keep_validation(job, problem)
    serving.describe(job.out, downstream)
    _write_history(job, tuned)
    (job.out / "trials.json").write_text(json.dumps(tuned.trials, indent=2), encoding="utf-8")
    return {
        "setting": tuned.setting,
        "validation": tuned.metrics,
        "trainable_parameters": tuned.trainable_parameters,
    }


def _keep_validation(job: Job, problem: Problem) -> None:
    """The chosen model's statistics of each validation row, by which it can be compared with another."""
    from models import inference
    from models.training import accelerator
    from models.transfer.heads import load

    model = load(job.out / "model", problem.downstream).to(accelerator(job.device).device)
    predictions, _ = inference.predict(model, problem.inputs(problem.validation))
    statistics = pl.DataFrame(problem.downstream.statistics(problem.validation, predictions))
    predictions.select("id").hstack(statistics).write_parquet(job.out / VALIDATION, compression="zstd")


def _write_history(job: Job, tuned: Tuned) -> None:
    """The chosen trial's curves, for MLflow and, without what is measured in seconds and bytes, as a file."""
    for record in tuned.history:
        job.metrics(
            {name: value for name, value in record.items() if name != "step"}, step=int(record["step"])
        )
    from models.training import MEASURED

    points = [
        {name: value for name, value in record.items() if name not in MEASURED} for record in tuned.history
    ]
    frame = pl.DataFrame(points, infer_schema_length=None)
    frame.rename(
        {name: name.removeprefix("train/").replace("/", "_") for name in frame.columns}
    ).write_parquet(job.out / "history.parquet")
