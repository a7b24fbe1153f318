"""Parts for training, validation and test; what stands in several parts; and test rows inside the corpus."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from models.config import Config
from models.data import counts, splits
from models.data.cleaning import CleanConfig
from models.data.ingestion import Ingestion
from models.data.leaks import BATCH, LEAKS, leaks
from models.data.records import PROVENANCE
from models.data.schemas import qualified
from models.errors import DataError
from tasks.graph.refs import Split, Validated
from tasks.graph.step import step
from tasks.reading.source import SourceField
from tasks.running.job import Job


class HeldOut(Config):
    """The labelled rows of one downstream, as far as their test rows matter to the corpus."""

    sources: tuple[SourceField, ...] = Field(min_length=1, description="Where the labelled rows come from.")
    seed: int = Field(default=0, description="The seed their parts are drawn with.")
    texts: tuple[str, ...] = Field(default=("text",), description="The columns that hold text.")
    pool: str | None = Field(default=None, description="The column that says which rows are no examples.")


class SplitConfig(Config):
    """How rows are parted, and what happens to test rows that are found elsewhere."""

    seed: int = Field(default=0, description="Seed of every draw.")
    holdout: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Share of the corpus held out for validation; null: these are labelled rows.",
    )
    leaks: Literal["report", "remove"] = Field(
        default="report",
        description="remove: take rows that repeat a test row out of train, validation and the corpus.",
    )
    texts: tuple[str, ...] = Field(
        default=("text",), description="The columns that hold text, by which rows are found again elsewhere."
    )
    pool: str | None = Field(
        default=None,
        description="The column that says which rows are no examples but what examples speak of: they belong to "
        "every part, and lie in pool.parquet.",
    )
    tests: tuple[HeldOut, ...] = Field(
        default=(), description="For the corpus with leaks: remove: whose test rows to remove."
    )
    cleaned: CleanConfig | None = Field(
        default=None, description="How the corpus was cleaned: rows are looked for as they would stand in it."
    )


@step(Split)
def split(job: Job, config: SplitConfig, rows: Validated, corpus: Split | None) -> None:
    """Parts the rows, and finds duplicates across parts and test rows inside the corpus."""
    source = job.files(rows)
    frame, pool = _apart(pl.read_parquet(source / "rows.parquet"), config.pool)
    if config.holdout is not None:
        frame = splits.hold_out(frame, config.seed, config.holdout)
        names = ("train", "validation")
        twins = pl.DataFrame(schema=splits.DUPLICATES)
        found = _tests_inside(config, frame, job.scratch)
        repeats = found.select(id="corpus_id", reason=pl.lit("leak"), kept_id="row_id")
    else:
        frame = splits.assign(frame, config.seed)
        names = splits.PARTS
        compared = _compared(frame, config.texts)
        twins = splits.duplicates(compared)
        held_out = compared.filter(pl.col("part") != "train")
        found = (
            leaks(held_out, _documents(job.files(corpus)), config.cleaned)
            if corpus
            else pl.DataFrame(schema=LEAKS)
        )
        in_test = twins.filter(pl.col("part_b") == "test")
        repeats = in_test.select(id="id_a", reason=pl.lit("duplicate_of_test"), kept_id="id_b")
    removed = _removed(frame, repeats) if config.leaks == "remove" else _removed(frame, repeats.clear())
    frame = frame.join(removed, on="id", how="anti", maintain_order="left")
    if config.holdout is None:
        _check_parts(frame, names)
    for name in names:
        part = frame.filter(pl.col("part") == name)
        part.write_parquet(job.out / f"{name}.parquet", compression="zstd")
    for name, table in {"duplicates": twins, "leaks": found, "removed": removed}.items():
        table.write_parquet(job.out / f"{name}.parquet", compression="zstd")
    if config.pool is not None:
        pool.write_parquet(job.out / "pool.parquet", compression="zstd")
    _count(job, counts.load(source), frame, pool, twins, found, removed)


def _apart(rows: pl.DataFrame, pool: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Examples, and the rows that belong to every part."""
    return (rows, rows.clear()) if pool is None else (rows.filter(~pl.col(pool)), rows.filter(pool))


def _check_parts(frame: pl.DataFrame, names: tuple[str, ...]) -> None:
    """Raises a DataError where a part has no rows: there is nothing to learn from, to choose by or to score on."""
    sizes = dict.fromkeys(names, 0) | _sizes(frame)
    if not all(sizes.values()):
        found = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        raise DataError(
            f"a part has no rows ({found}): give more rows, or files of each part in the source's 'parts'"
        )


def _sizes(frame: pl.DataFrame) -> dict[str, int]:
    """Rows of each part there is, in the order of the parts."""
    return {name: count for name in splits.PARTS if (count := int((frame["part"] == name).sum()))}


def _count(
    job: Job,
    before: dict[str, Any],
    frame: pl.DataFrame,
    pool: pl.DataFrame,
    twins: pl.DataFrame,
    found: pl.DataFrame,
    removed: pl.DataFrame,
) -> None:
    """Writes counts.json, logs it and says what was found."""
    reasons = dict(removed["reason"].value_counts().sort("reason").iter_rows())
    made = before | {
        "kept": frame.height + pool.height,
        "removed": before["removed"] | reasons,
        "parts": _sizes(frame) | ({"pool": pool.height} if pool.height else {}),
        "duplicates": twins.height,
        "leaks": dict(found["kind"].value_counts().sort("kind").iter_rows()),
    }
    counts.write(job.out, made)
    job.metrics(counts.metrics(made) | {"duplicates": float(twins.height)})
    job.say(", ".join(f"{name} {count:,}" for name, count in made["parts"].items()))
    if twins.height:
        job.say(
            f"{twins.height:,} pairs of rows in different parts have the same text: see duplicates.parquet"
        )
    if found.height:
        rows = found["row_id"].n_unique()
        job.say(f"{rows:,} validation and test rows stand in the corpus: see leaks.parquet")


def _tests_inside(config: SplitConfig, frame: pl.DataFrame, scratch: Path) -> pl.DataFrame:
    """Where the test rows of the recipe's downstreams stand in the corpus."""
    found = [pl.DataFrame(schema=LEAKS)]
    for tests in config.tests:
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            out = Path(folder)
            Ingestion(False, None, out).run((item for source in tests.sources for item in source.read()), out)
            rows, _ = _apart(qualified(pl.read_parquet(out / "rows.parquet")), tests.pool)
            rows = splits.assign(rows, tests.seed)
            rows = _compared(rows, tests.texts)
        found.append(leaks(rows.filter(pl.col("part") == "test"), frame.iter_slices(BATCH), config.cleaned))
    return pl.concat(found)


def _compared(rows: pl.DataFrame, texts: tuple[str, ...]) -> pl.DataFrame:
    """What rows are compared by, and where they come from."""
    return rows.select("id", *PROVENANCE, *(name for name in texts if name in rows.columns))


def _documents(folder: Path) -> Iterator[pl.DataFrame]:
    """A corpus split's documents, a batch at a time."""
    for name in ("train", "validation"):
        yield from pl.read_parquet(
            folder / f"{name}.parquet", columns=["id", "file", "line", "text"]
        ).iter_slices(BATCH)


def _removed(frame: pl.DataFrame, repeats: pl.DataFrame) -> pl.DataFrame:
    """Rows to take out, each once, with the row they repeat; rows of the test part never are."""
    first = repeats.unique("id", keep="first", maintain_order=True)
    rows = frame.filter(pl.col("part") != "test").select("id", "file", "line")
    return rows.join(first, on="id", how="inner", maintain_order="left")
