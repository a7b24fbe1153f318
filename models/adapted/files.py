"""Files in the folder of an adapted model, beside `model/`, which plain `transformers` loads."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from models.errors import DataError
from models.interfaces.downstream import Downstream
from models.kinds import find
from models.memo import MEMO, known

SETTLED = "downstream.json"
"""The downstream as it was trained."""
POOL = "pool.parquet"
"""What answers are chosen from (passages, say), where the downstream has such rows."""
WAY = "transfer.json"
"""The way it was carried over; a baseline has none."""
COLUMNS = "columns.json"
"""By field of a request, the columns that sources make it of, where they are called otherwise."""
DROPPED = "dropped.json"
"""Beside predictions: what of the demonstrations did not fit into the model, counted over all questions."""
READING = "reading.json"
"""Beside predictions: how the rows fitted into the model's inputs."""
SUMMARY = "summary.json"
"""What `adapt` says of the model: its mode, setting, steps and rows; beside predictions too."""


def rows_of(split: Path, part: str) -> pl.DataFrame:
    """The rows of a part, read once for all that learn from them or are tested on them."""
    path = split / f"{part}.parquet"
    return MEMO.once(
        ("rows", known(path)), lambda: pl.read_parquet(path), lambda rows: int(rows.estimated_size())
    )


def examples(downstream: Downstream) -> pl.DataFrame:
    """Texts that a model may be asked: a column for each of a request's fields."""
    rows = downstream.examples()
    if downstream.pool is not None:
        rows = rows.filter(~rows[downstream.pool])
    return rows.select(downstream.inputs)


def train_rows(folder: Path) -> int:
    """Labelled rows that an adapted model has learnt from, from its folder or that of its predictions."""
    return json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["rows"]["train"]


def weight_bytes(folder: Path) -> int:
    """Bytes of an adapted model's weights."""
    return sum(path.stat().st_size for path in (folder / "model").glob("*.safetensors"))


def downstream_of(folder: Path) -> Downstream:
    """The downstream of an adapted model.

    Raises:
        DataError: `folder` holds no such model.
    """
    path = folder / SETTLED
    if not path.is_file() or not (folder / "model").is_dir():
        raise DataError(f"{folder} holds no adapted model: there is no {SETTLED} with a model beside it")
    settled = json.loads(path.read_text(encoding="utf-8"))
    kind: Any = find("models.downstream", settled["kind"], Downstream)
    return kind.model_validate(settled)
