"""Steps that write what tokenizing, pretraining, adapting and predicting leave behind, without learning anything."""

import json

import polars as pl

from models.config import Config
from models.downstream.classification import Classification
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job

DOWNSTREAM = Classification(classes=("neg", "pos"))


class Words(Config):
    kind: str = "wordpiece"
    vocabulary: int = 8000


class Training(Config):
    tokens: int = 4000


class Learner(Config):
    mode: str
    labels: int
    right: float
    """Share of the test rows it gets right."""


@step(refs.Tokenizer)
def tokenizer(job: Job, config: Words, corpus: refs.Corpus) -> None:
    (job.out / "tokenizer.json").write_text("{}")
    (job.out / "metrics.json").write_text(json.dumps({"unspaced_rate": 0.25}))


@step(refs.Sequences)
def encode(job: Job, config: Words, corpus: refs.Corpus, tokenizer: refs.Tokenizer) -> None:
    (job.out / "counts.json").write_text("{}")


@step(refs.Model)
def pretrain(job: Job, config: Training, sequences: refs.Sequences, tokenizer: refs.Tokenizer) -> None:
    steps = list(range(1, 41))
    frame = {
        "step": steps,
        "tokens": [config.tokens // 40 * step for step in steps],
        "train_loss": [9 - step / 10 for step in steps],
        "eval_loss": [8.5 - step / 10 if step % 10 == 0 else None for step in steps],
    }
    pl.DataFrame(frame).write_parquet(job.out / "history.parquet")


@step(refs.Adapted)
def adapt(
    job: Job, config: Learner, rows: refs.Split, tokenizer: refs.Tokenizer | None, model: refs.Model | None
) -> None:
    summary = {
        "mode": config.mode,
        "labels": config.labels,
        "seed": 1,
        "setting": {"learning_rate": 0.001, "step": 300},
        "validation": {"accuracy": config.right, "macro_f1": config.right},
        "trainable_parameters": None if config.mode == "baseline" else 1234,
        "rows": {"train": config.labels, "validation": config.labels},
    }
    (job.out / "summary.json").write_text(json.dumps(summary | {"right": config.right}))


@step(refs.Predictions)
def predict(job: Job, config: Words, rows: refs.Split, adapted: refs.Adapted) -> None:
    summary = (job.files(adapted) / "summary.json").read_text()
    right = json.loads(summary)["right"]
    test = pl.read_parquet(job.files(rows) / "test.parquet")
    other = {"neg": "pos", "pos": "neg"}
    guesses = [
        gold if number < right * test.height else other[gold] for number, gold in enumerate(test["label"])
    ]
    frame = {"id": test["id"], "prediction": guesses, "probabilities": [[0.4, 0.6]] * test.height}
    pl.DataFrame(frame).write_parquet(job.out / "predictions.parquet")
    (job.out / "downstream.json").write_text(DOWNSTREAM.model_dump_json())
    (job.out / "summary.json").write_text(summary)
