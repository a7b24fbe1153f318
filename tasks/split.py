"""Labelled rows in parts for training, validation and test, and what stands in several parts."""

from typing import Literal

import polars as pl
from pydantic import Field

from models.config import Config
from models.data import counts, splits
from models.data.comparison import comparable
from models.errors import DataError
from tasks.graph.refs import Split, Validated
from tasks.graph.step import step
from tasks.running.job import Job

SHOWN = 20
"""Labels that a message names."""


class SplitConfig(Config):
    """How labelled rows are parted, and what happens to those that repeat a test row."""

    seed: int = Field(default=0, description="Seed of every draw.")
    duplicates: Literal["report", "remove"] = Field(
        default="report",
        description="remove: take rows with the text of a test row out of train and validation.",
    )
    texts: tuple[str, ...] = Field(
        default=("text",), description="The columns that hold text, by which rows are found again."
    )
    labels: str | None = Field(default=None, description="The dotted path of rows' labels.")
    pool: str | None = Field(
        default=None,
        description="The column that says which rows are no examples but what examples speak of: they belong to "
        "every part, and lie in pool.parquet.",
    )


@step(Split, headline="parts/train")
def split(job: Job, config: SplitConfig, rows: Validated) -> None:
    """Parts labelled rows as they were published, or by draw, and finds those that stand in several parts."""
    source = job.files(rows)
    frame, pool = splits.apart(pl.read_parquet(source / "rows.parquet"), config.pool)
    how = splits.told(set(frame["part"]))
    frame = splits.assign(frame, config.seed)
    twins = splits.duplicates(comparable(frame, config.texts))
    repeats = twins.filter((pl.col("part_b") == "test") & (config.duplicates == "remove"))
    repeats = repeats.select(id="id_a", reason=pl.lit("duplicate_of_test"), kept_id="id_b")
    removed = splits.repeating(frame, repeats)
    frame = splits.without(frame, removed)
    if removed.height:
        twins = splits.duplicates(comparable(frame, config.texts))
    _check_parts(frame)
    _check_labels(job, frame, config.labels)
    splits.write(frame, splits.PARTS, removed, job.out)
    twins.write_parquet(job.out / "duplicates.parquet", compression="zstd")
    made = splits.counted(counts.load(source), frame, removed)
    made["duplicates"] = twins.height
    if config.pool is not None:
        pool.write_parquet(job.out / "pool.parquet", compression="zstd")
        made["kept"] += pool.height
        made["parts"]["pool"] = pool.height
    counts.write(job.out, made)
    job.metrics(counts.metrics(made) | {"duplicates": float(twins.height)})
    sizes = ", ".join(f"{name} {count:,}" for name, count in made["parts"].items())
    job.say(f"{sizes}: parts {how}")
    if twins.height:
        job.warn(
            f"{twins.height:,} pairs of rows in different parts have the same text: see duplicates.parquet"
        )


def _check_labels(job: Job, rows: pl.DataFrame, path: str | None) -> None:
    """Says which rows have a label that no training row has.

    Raises:
        DataError: a part has no other labels: nothing can be got right, or chosen by.
    """
    if path is None:
        return
    labels = splits.named(rows, path)
    known = labels.filter(part="train")["label"].unique().sort()
    for part in ("validation", "test"):
        own = labels.filter(part=part)
        unseen = own.filter(~pl.col("label").is_in(known.implode()))
        if unseen.is_empty():
            continue
        counts = unseen["label"].value_counts().sort("count", "label", descending=[True, False])
        text = (
            f"{unseen['row'].n_unique():,} of {splits.sizes(rows)[part]:,} {part} rows have a label that no training "
            f"row has: {_few(counts['label'])}"
        )
        if unseen.height == own.height:
            there = _few(known) or "none"
            raise DataError(f"{text}; training rows have: {there}. Give the parts the same labels")
        job.warn(f"{text}; no model can say it")


def _few(labels: pl.Series) -> str:
    return ", ".join([*labels[:SHOWN], *(["…"] if len(labels) > SHOWN else [])])


def _check_parts(rows: pl.DataFrame) -> None:
    """Raises a DataError where a part has no rows: there is nothing to learn from, to choose by or to score on."""
    sizes = dict.fromkeys(splits.PARTS, 0) | splits.sizes(rows)
    if not all(sizes.values()):
        found = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        raise DataError(
            f"a part has no rows ({found}): give more rows, or files of each part in the source's 'parts'"
        )
