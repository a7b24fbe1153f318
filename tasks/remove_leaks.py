"""A shard of the corpus without the texts in which a test row stands."""

import shutil
from pathlib import Path

import polars as pl
from pydantic import Field

from models.config import Config
from models.data import counts, quarantine
from models.data.cleaning import CleanConfig
from models.data.duplicates import SIGNATURES
from models.data.ingestion import CORPUS, FROM
from models.data.leaks import BATCH, LEAKS, LookedFor
from models.data.shards import batches
from models.data.spool import Spool
from models.data.tables import REMOVED
from tasks.graph.refs import RowsToFind, Validated, at_once
from tasks.graph.step import step
from tasks.running.job import Job


class RemoveLeaksConfig(Config):
    """How test rows are looked for."""

    cleaned: CleanConfig | None = Field(
        default=None, description="How the corpus was cleaned: rows are looked for as they would stand in it."
    )


@step(Validated, process=at_once, headline="rows/removed")
def remove_leaks(job: Job, config: RemoveLeaksConfig, rows: Validated, tests: RowsToFind) -> None:
    """Takes texts out of a shard in which a test row stands, and names both."""
    source, paths = job.files(rows), sorted(job.files(tests).glob("rows-*.parquet"))
    looked_for = [LookedFor(pl.read_parquet(path), config.cleaned) for path in paths]
    kept, signatures = Spool(job.scratch, "rows", CORPUS | FROM), Spool(job.scratch, "signatures", SIGNATURES)
    leaks = [pl.DataFrame(schema=LEAKS)]
    read = batches(source / "rows.parquet", tuple(CORPUS | FROM), BATCH)
    signed = batches(source / "signatures.parquet", tuple(SIGNATURES), BATCH)
    for documents, marks in zip(read, signed, strict=True):
        found = [item.once([item.within(documents)]) for item in looked_for]
        named = pl.concat(found).select(id="corpus_id", file="corpus_file").unique()
        numbered = documents.with_row_index("_row")
        clean = numbered.join(named, on=["id", "file"], how="anti", maintain_order="left")
        kept.write(clean.drop("_row"))
        signatures.write(marks[clean["_row"]])
        leaks += found
    kept.close(job.out / "rows.parquet")
    signatures.close(job.out / "signatures.parquet")
    _close(job, source, pl.concat(leaks), kept.rows)


def _close(job: Job, source: Path, leaks: pl.DataFrame, kept: int) -> None:
    """Writes what was taken out, beside what was before, and counts it."""
    first = leaks.unique(["corpus_file", "corpus_id"], keep="first", maintain_order=True)
    columns = {"id": "corpus_id", "file": "corpus_file", "line": "corpus_line", "kept_id": "row_id"}
    before = pl.read_parquet(source / "removed.parquet")
    removed = first.select(**columns, reason=pl.lit("leak"), kept_file=pl.lit(None, pl.String)).select(
        REMOVED.keys()
    )
    pl.concat([before, removed]).write_parquet(job.out / "removed.parquet", compression="zstd")
    leaks.write_parquet(job.out / "leaks.parquet", compression="zstd")
    shutil.copyfile(source / quarantine.FILE, job.out / quarantine.FILE)
    if (source / quarantine.FOLDER).is_dir():
        shutil.copytree(source / quarantine.FOLDER, job.out / quarantine.FOLDER)
    made = counts.load(source)
    made["kept"] = kept
    made["leaks"] = dict(leaks["kind"].value_counts().sort("kind").iter_rows())
    if removed.height:
        made["removed"] |= {"leak": removed.height}
        job.warn(
            f"{removed.height:,} texts are taken out, in which {leaks['row_id'].n_unique():,} test rows stand: "
            "see leaks.parquet"
        )
    counts.write(job.out, made)
    job.metrics(counts.metrics(made))
