"""Validation and test rows that stand in the corpus; only scores and the report ask for them."""

import json

import polars as pl
from pydantic import Field

from models.config import Config
from models.data import shards
from models.data.cleaning import CleanConfig
from models.data.comparison import comparable
from models.data.leaks import BATCH, find_leaks
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job


class LeaksConfig(Config):
    """How rows are looked for."""

    texts: tuple[str, ...] = Field(
        default=("text",), description="The columns that hold text, by which rows are found again."
    )
    cleaned: CleanConfig | None = Field(
        default=None, description="How the corpus was cleaned: rows are looked for as they would stand in it."
    )


@step(refs.Leaks, headline="rows/leaked")
def leaks(job: Job, config: LeaksConfig, rows: refs.Split, corpus: refs.Corpus) -> None:
    """Looks for validation and test rows in the corpus and names each with the document it stands in."""
    folder = job.files(rows)
    held_out = pl.concat([pl.read_parquet(folder / f"{part}.parquet") for part in ("validation", "test")])
    documents = shards.texts(job.files(corpus), [job.files(ref) for ref in corpus.shards], batch=BATCH)
    found = find_leaks(comparable(held_out, config.texts), documents, config.cleaned)
    found.write_parquet(job.out / "leaks.parquet", compression="zstd")
    kinds = dict(found["kind"].value_counts().sort("kind").iter_rows())
    leaked = found["row_id"].n_unique()
    made = {"rows": leaked, "documents": kinds}
    (job.out / "counts.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    job.metrics({"rows/leaked": leaked} | {f"leaks/{kind}": count for kind, count in kinds.items()})
    if leaked:
        job.warn(f"{leaked:,} validation and test rows stand in the corpus: see leaks.parquet")
