"""Checks every row against its schema and sets bad ones aside, with their reason and where they came from."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import Field

from models.config import Config
from models.data import counts
from models.data.duplicates import SIGNATURES
from models.data.ingestion import CORPUS, FROM
from models.data.quarantine import Shelf, check_share, said
from models.data.schemas import check, check_corpus, outside, reasons
from models.data.shards import batches
from models.data.spool import Spool
from models.data.tables import QUARANTINE
from models.errors import DataError
from models.kinds import Chosen, chosen
from tasks.graph.refs import Ingested, Validated, at_once
from tasks.graph.step import step
from tasks.running.job import Job

# Found by name, not imported: an edit to what downstreams share must leave the corpus a hit.
if TYPE_CHECKING:
    RowsField = Any
else:
    RowsField = chosen("models.downstream", Chosen)


class ValidateConfig(Config):
    """Which schema rows must pass, and how many may fail."""

    rows: RowsField | None = Field(
        default=None, description="The downstream whose rows these are; null: a shard of the corpus."
    )
    quarantine: float | None = Field(
        default=0.02,
        ge=0,
        le=1,
        description="Largest share of rows that may fail; above it the step fails. null: whoever puts shards together "
        "judges.",
    )


@step(Validated, process=at_once, headline="rows/quarantined")
def validate(job: Job, config: ValidateConfig, rows: Ingested) -> None:
    """Checks every row; bad ones go to quarantine.parquet."""
    source = job.files(rows)
    shelf = Shelf(job.out, source)
    kept, bad = _corpus(job, source) if config.rows is None else _labelled(config.rows, source, job.out)
    shelved = pl.DataFrame(shelf.put(bad.iter_rows(named=True)), schema=QUARANTINE)
    quarantine = pl.concat([pl.read_parquet(source / "quarantine.parquet"), shelved])
    quarantine.write_parquet(job.out / "quarantine.parquet", compression="zstd")
    found = counts.load(source)
    found |= {"kept": kept, "quarantined": reasons(quarantine)}
    if cut := shelf.cut + found.get("cut", 0):
        found["cut"] = cut
    unlike_named = "" if config.rows is None else outside(quarantine, config.rows.schema())
    if config.quarantine is not None:
        try:
            check_share(found, quarantine, config.quarantine, unlike_named)
        except DataError:
            shelf.attach(job.attach)
            raise
    counts.write(job.out, found)
    job.metrics(counts.metrics(found))
    if quarantine.height:
        job.warn(said(found, unlike_named))
    if cut:
        job.say(f"of {cut:,} long rows in quarantine only the beginning is kept")


def _labelled(downstream: Any, source: Path, out: Path) -> tuple[int, pl.DataFrame]:
    """Writes the labelled rows that pass; their number, and the quarantine of the others."""
    rows = pl.read_parquet(source / "rows.parquet")
    kept, bad = check(rows, downstream.schema(), downstream.pool, downstream.refers)
    kept.write_parquet(out / "rows.parquet", compression="zstd")
    return kept.height, bad


def _corpus(job: Job, source: Path) -> tuple[int, pl.DataFrame]:
    """The same of a shard of the corpus, some rows at a time, with what its texts are told apart by."""
    rows, signatures = Spool(job.scratch, "rows", CORPUS | FROM), Spool(job.scratch, "signatures", SIGNATURES)
    signed = batches(source / "signatures.parquet", tuple(SIGNATURES))
    quarantined = [pl.DataFrame(schema=QUARANTINE)]
    for (kept, where, bad), marks in zip(check_corpus(source / "rows.parquet"), signed, strict=True):
        rows.write(kept)
        signatures.write(marks.filter(where))
        quarantined.append(bad)
    shutil.copyfile(source / "removed.parquet", job.out / "removed.parquet")
    rows.close(job.out / "rows.parquet")
    signatures.close(job.out / "signatures.parquet")
    return rows.rows, pl.concat(quarantined)
