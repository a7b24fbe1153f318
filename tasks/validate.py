"""Checks every row against its schema and sets bad ones aside, with their reason and where they came from."""

from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import Field

from models.config import Config
from models.data import counts
from models.data.quarantine import FOLDER, Shelf, told
from models.data.records import QUARANTINE
from models.data.schemas import check, corpus, outside, reasons
from models.errors import DataError
from models.kinds import Chosen, chosen
from tasks.graph.refs import Ingested, Validated
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
        default=None, description="The downstream whose rows these are; null: the corpus."
    )
    quarantine: float = Field(
        default=0.02, ge=0, le=1, description="Largest share of rows that may fail; above it the step fails."
    )


@step(Validated, headline="rows/quarantined")
def validate(job: Job, config: ValidateConfig, rows: Ingested) -> None:
    """Checks every row; bad ones go to quarantine.parquet."""
    source = job.files(rows)
    rows_read = pl.read_parquet(source / "rows.parquet")
    schema = corpus() if config.rows is None else config.rows.schema()
    pool, refers = (None, None) if config.rows is None else (config.rows.pool, config.rows.refers)
    kept, bad = check(rows_read, schema, pool, refers)
    shelf = Shelf(job.out, source)
    shelved = pl.DataFrame(shelf.put(bad.iter_rows(named=True)), schema=QUARANTINE)
    quarantine = pl.concat([pl.read_parquet(source / "quarantine.parquet"), shelved])
    found = counts.load(source)
    found |= {"kept": kept.height, "quarantined": reasons(quarantine)}
    if cut := shelf.cut + found.get("cut", 0):
        found["cut"] = cut
    quarantine.write_parquet(job.out / "quarantine.parquet", compression="zstd")
    unlike_named = outside(quarantine, schema)
    try:
        _check_share(found, quarantine, config.quarantine, unlike_named)
    except DataError:
        for name in ("quarantine.parquet", FOLDER):
            if (job.out / name).exists():
                job.attach(job.out / name)
        raise
    kept.write_parquet(job.out / "rows.parquet", compression="zstd")
    counts.write(job.out, found)
    job.metrics(counts.metrics(found))
    if quarantine.height:
        words = [counts.by_reason(found["quarantined"]), *([unlike_named] if unlike_named else [])]
        rows_said = "row" if quarantine.height == 1 else "rows"
        job.warn(f"{quarantine.height:,} {rows_said} in quarantine: {'; '.join(words)}")
    if cut:
        job.say(f"of {cut:,} long rows in quarantine only the beginning is kept")


def _check_share(
    found: dict[str, Any], quarantine: pl.DataFrame, threshold: float, unlike_named: str
) -> None:
    """Raises a DataError with the counts by reason and the first bad row when too many rows failed."""
    share = quarantine.height / found["read"]
    if share > threshold or not found["kept"]:
        words = told(found["quarantined"], quarantine) + (unlike_named and f"; {unlike_named}")
        raise DataError(
            f"{quarantine.height:,} of {found['read']:,} rows ({share:.1%}) are bad, and 'quarantine' allows "
            f"{threshold:.1%}: {words}. Mend the files (this step's MLflow run "
            "has them all in quarantine.parquet) or raise 'quarantine'"
        )
