"""A champion to be asked, learnt in seconds from the demo's invented world, in the folder that MLflow serves."""

import shutil
from pathlib import Path

import polars as pl

from models.adapted.files import SETTLED, WAY
from models.backbone.config import ModelConfig
from models.downstream.classification import Classification
from models.interfaces.transfer import Problem
from models.tokens import tokenizer_training
from models.tokens.tokenizer import TokenizerConfig, wrap
from models.transfer.finetune import Finetune
from models.workplace import Workplace
from tasks import packaging
from tasks.reading.source import Record
from tasks.sources.demo import Demo

SIZES = {"train": 200, "validation": 20, "test": 20}
"""Rows of the world: it learns from them once, which takes seconds and is enough to be asked."""


def learnt(folder: Path, start: str | Path) -> Path:
    """Makes the folder of a model that was fine-tuned: from the encoder in a folder, or of a size, from scratch."""
    rows = _rows()
    parts = {name: rows.filter(part=name).drop("part") for name in SIZES}
    downstream = Classification().settle(parts["train"])
    source, fresh = (start, None) if isinstance(start, Path) else _fresh(folder, start, parts["train"])
    way = Finetune(learning_rates=(5e-4,), train_embeddings=(False,), epochs=1, min_steps=1, evaluations=1)
    problem = Problem(
        downstream,
        source,
        fresh,
        parts["train"],
        parts["validation"],
        rows.drop("part").clear(),
        1,
        Workplace("cpu", 1, folder / "work"),
        lambda number: parts["train"],
    )
    tuned = way.carry(problem, lambda done, total, text: None)
    shutil.copytree(tuned.files["model"], folder / "model")
    tuned.tokenizer.save_pretrained(folder / "model")
    shutil.rmtree(folder / "work")
    (folder / SETTLED).write_text(downstream.model_dump_json(), encoding="utf-8")
    (folder / WAY).write_text(way.model_dump_json(), encoding="utf-8")
    packaging.describe(folder, downstream, way)
    return folder


def _rows() -> pl.DataFrame:
    """Labelled rows without those that are broken on purpose."""
    read = [
        item
        for item in Demo.model_validate({"view": "classification", **SIZES}).read()
        if isinstance(item, Record)
    ]
    rows = pl.DataFrame([{**item.fields, "part": item.part} for item in read], infer_schema_length=None)
    common = rows["label"].value_counts().filter(pl.col("count") > len(rows) / 10)["label"]
    return rows.filter(pl.col("text").str.strip_chars() != "", pl.col("label").is_in(common.implode()))


def _fresh(folder: Path, size: str, train: pl.DataFrame) -> tuple[Path, ModelConfig]:
    """A tokenizer's folder, and the model that begins with random weights."""
    source = folder / "tokenizer"
    made = tokenizer_training.train(TokenizerConfig(vocabulary=500), lambda: iter([train["text"].to_list()]))
    wrap(made).save_pretrained(source)
    return source, ModelConfig.model_validate({"size": size})
