"""Carrying a model over to a downstream, or fitting one of the two controls."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from models.adapted.files import COLUMNS, POOL, SETTLED, SUMMARY, WAY, rows_of
from models.adapted.predicting import predictions, statistics
from models.backbone.config import ModelConfig
from models.config import Config
from models.data.columns import Made
from models.data.draws import draw
from models.errors import DataError
from models.interfaces.downstream import Downstream, DownstreamField
from models.interfaces.transfer import Problem, Transfer, TransferField, Tuned
from models.modes import Mode
from models.seeds import derive
from models.training.record import lasting
from tasks import packaging
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job


class AdaptConfig(Config):
    """What is carried over how, and with how many labels."""

    downstream: DownstreamField = Field(description="The NLP task.")
    mode: Mode = Field(
        default="finetune", description="What it is called: a way of transfer, or scratch or baseline."
    )
    way: TransferField | None = Field(
        default=None, description="What of the model learns, and how; the baseline has none."
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
    model: ModelConfig = Field(default=ModelConfig(), description="Architecture of the model from scratch.")
    columns: Mapping[str, tuple[Made, ...]] = Field(
        default={},
        description="By field, the columns of the rows' files that it is made of: the model can be asked by them.",
    )

    def identity(self) -> Any:
        """Only what starts at random is made by `model`, and only models that answer know columns."""
        unused = set() if self.mode == "scratch" else {"model"}
        unused |= set() if self.columns and self.way is not None else {"columns"}
        return {name: value for name, value in super().identity().items() if name not in unused}


def _headline(ref: refs.Adapted) -> str:
    assert isinstance(ref.config, AdaptConfig), f"{ref.name} was not made by `adapt`"
    return f"validation/{ref.config.downstream.headline}"


@step(refs.Adapted, process="shared", gpu=True, headline=_headline)
def adapt(
    job: Job,
    config: AdaptConfig,
    rows: refs.Split,
    tokenizer: refs.Tokenizer | None,
    model: refs.Model | None,
) -> None:
    """Learns a downstream from labelled rows; every choice is made on validation rows, and test rows are not read."""
    folder = job.files(rows)
    every = rows_of(folder, "train")
    downstream = config.downstream.settle(every)
    train = draw(every, config.labels, derive(config.seed, "labels"), downstream.drawn_by)
    downstream = downstream.learning_from(train)
    most = min((count for count in (config.labels, config.validation_rows) if count), default=None)
    validation = draw(rows_of(folder, "validation"), most, derive(config.seed, "validation"))
    pool = rows_of(folder, "pool") if downstream.pool else every.clear()
    if validation.is_empty():
        raise DataError("there are no validation rows, by which settings are chosen: give the source some")
    job.used(train.height)
    job.say(f"{train.height:,} training and {validation.height:,} validation rows")
    learns = config.way is None or config.way.shows(config.mode) is None
    if learns:
        downstream.check_choice(train, validation)
    if config.way is None:
        downstream.check(train)
        made = _baseline(job, config, downstream, pl.concat([train, pool]), pl.concat([validation, pool]))
    else:
        problem = Problem(
            downstream,
            _source(job, config, tokenizer, model),
            config.model if config.mode == "scratch" else None,
            train,
            validation,
            pool,
            config.seed,
            job.workplace,
            lambda number: draw(
                every, config.labels, derive(config.seed, "draw", number), downstream.drawn_by
            ),
            *([partial(_show, job)] if config.way.searches else []),
        )
        made = _carried(job, config, problem, learns)
    downstream, learnt = made
    (job.out / SETTLED).write_text(downstream.model_dump_json(indent=2), encoding="utf-8")
    summary = {"mode": config.mode, "labels": config.labels, "seed": config.seed} | learnt
    summary |= {"rows": {"train": train.height, "validation": validation.height}}
    (job.out / SUMMARY).write_text(json.dumps(summary, indent=2, ensure_ascii=False), encoding="utf-8")
    job.metrics({f"validation/{name}": value for name, value in summary["validation"].items()})


def _baseline(
    job: Job, config: AdaptConfig, downstream: Downstream, train: pl.DataFrame, validation: pl.DataFrame
) -> tuple[Downstream, dict[str, Any]]:
    baseline = downstream.fit_baseline(train, validation, config.seed)
    baseline.save(job.out / "baseline")
    found = {"setting": baseline.setting, "validation": {}, "trainable_parameters": None}

    def predicted(own: Downstream) -> pl.DataFrame:
        return own.load_baseline(job.out / "baseline").predict(validation)

    tuned = downstream.tuned_on(validation, predicted)
    found["setting"] |= _chosen(downstream, tuned)
    found["validation"] = tuned.evaluate(validation, predicted(tuned))
    return tuned, found


def _chosen(before: Downstream, after: Downstream) -> dict[str, Any]:
    """What validation rows have decided of how outputs are read."""
    fields = type(after).model_fields
    return {name: getattr(after, name) for name in fields if getattr(after, name) != getattr(before, name)}


def _source(
    job: Job, config: AdaptConfig, tokenizer: refs.Tokenizer | None, model: refs.Model | None
) -> Path:
    """Folder of the pretrained model, or of the tokenizer where the start is random."""
    if config.mode == "scratch":
        assert tokenizer is not None, "scratch needs a tokenizer"
        return job.files(tokenizer)
    assert model is not None, f"{config.mode} needs a model"
    return job.files(model) / "model"


def _carried(
    job: Job, config: AdaptConfig, problem: Problem, learns: bool
) -> tuple[Downstream, dict[str, Any]]:
    """Carries the model over and keeps all that it takes to answer with it, but the downstream.

    Args:
        learns: whether how its outputs are read is chosen by labelled rows, as a threshold is.
    """
    way = config.way
    assert way is not None, "the baseline is no way of transfer"
    from models.backbone import shards

    tuned = way.carry(problem, job.progress)
    downstream = tuned.downstream or problem.downstream
    for name, path in tuned.files.items():
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        copy(path, job.out / name)
    shards.part(job.out / "model", problem.source)
    tuned.tokenizer.save_pretrained(job.out / "model")
    downstream.export(job.out / "model", tuned.tokenizer)
    (job.out / WAY).write_text(way.model_dump_json(indent=2), encoding="utf-8")
    if downstream.pool is not None:
        problem.pool.write_parquet(job.out / POOL, compression="zstd")
    if config.columns:
        columns = json.dumps(config.columns, indent=2, ensure_ascii=False)
        (job.out / COLUMNS).write_text(columns, encoding="utf-8")
    packaging.describe(job.out, downstream, way)
    if tuned.history:
        _write_history(job, tuned)
    trials = [trial.model_dump() for trial in tuned.trials]
    (job.out / "trials.json").write_text(json.dumps(trials, indent=2), encoding="utf-8")
    found = {"setting": tuned.setting, "trainable_parameters": tuned.trainable_parameters}
    if not learns or not tuned.metrics:
        return downstream, found | {"validation": _validated(job, way, downstream, problem)}
    rows = pl.concat([problem.validation, problem.pool])
    settled, predicted = _tuned_on(job, way, downstream, rows)
    if settled is downstream:
        return downstream, found | {"validation": tuned.metrics}
    found["setting"] = tuned.setting | _chosen(downstream, settled)
    return settled, found | {"validation": tuned.metrics | settled.evaluate(rows, predicted(settled))}


def _show(job: Job, number: int, trial: Config) -> None:
    """A trial as a run of its own."""
    values = trial.model_dump()
    metrics = {f"validation/{name}": value for name, value in values.pop("metrics").items()}
    job.trial(number, values | values.pop("others"), metrics)


def _tuned_on(
    job: Job, way: Transfer, downstream: Downstream, rows: pl.DataFrame
) -> tuple[Downstream, Callable[[Downstream], pl.DataFrame]]:
    """The downstream with how outputs are read chosen on validation rows, and what it predicts of them."""

    @cache
    def read() -> tuple[Sequence[Any], list[Any]]:
        return way.load(job.out, downstream, job.workplace.device).outputs(rows, downstream.scores_gold)

    def predicted(own: Downstream) -> pl.DataFrame:
        features, outputs = read()
        return own.decode(outputs, features, rows)

    return downstream.tuned_on(rows, predicted), predicted


def _validated(job: Job, way: Transfer, downstream: Downstream, problem: Problem) -> dict[str, float]:
    """Metrics on validation rows of what was made."""
    rows = problem.validation
    predictor = way.load(job.out, downstream, job.workplace.device)
    found = predictions(predictor, downstream, pl.concat([rows, problem.pool]))
    totals = statistics(downstream, rows, found).sum(axis=0)
    return {name: float(value) for name, value in downstream.metrics(totals).items()}


def _write_history(job: Job, tuned: Tuned) -> None:
    """The chosen trial's curves, for MLflow and, without what is measured in seconds and bytes, as a file."""
    for record in tuned.history:
        job.curve(record)
    points = [lasting(record) for record in tuned.history]
    frame = pl.DataFrame(points, infer_schema_length=None)
    frame.rename(
        {name: name.removeprefix("train/").replace("/", "_") for name in frame.columns}
    ).write_parquet(job.out / "history.parquet")
