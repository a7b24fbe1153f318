"""Checks every row against its schema and sets bad ones aside, with their reason and where they came from."""

from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import Field

from models.config import Config
from models.data import counts
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


@step(Validated)
def validate(job: Job, config: ValidateConfig, rows: Ingested) -> None:
    """Checks every row; bad ones go to quarantine.parquet."""
    source = job.files(rows)
    schema = corpus() if config.rows is None else config.rows.schema()
    kept, bad = check(pl.read_parquet(source / "rows.parquet"), schema)
    quarantine = pl.concat([pl.read_parquet(source / "quarantine.parquet"), bad])
    before = counts.load(source)
    found = before | {"kept": kept.height, "quarantined": reasons(quarantine)}
    quarantine.write_parquet(job.out / "quarantine.parquet", compression="zstd")
    unlike_named = outside(quarantine, schema)
    try:
        _check_share(found, quarantine, config.quarantine, unlike_named)
    except DataError:
        job.attach(job.out / "quarantine.parquet")
        raise
    kept.write_parquet(job.out / "rows.parquet", compression="zstd")
    counts.write(job.out, found)
    job.metrics(counts.metrics(found))
    if quarantine.height:
        told = [counts.by_reason(found["quarantined"]), *([unlike_named] if unlike_named else [])]
        job.say(f"{quarantine.height:,} rows in quarantine: {'; '.join(told)}")


def _check_share(
    found: dict[str, Any], quarantine: pl.DataFrame, threshold: float, unlike_named: str
) -> None:
    """Raises a DataError with the counts by reason and the first bad row when too many rows failed."""
    share = quarantine.height / found["read"]
    if share > threshold or not found["kept"]:
        first = quarantine.row(0, named=True) if quarantine.height else None
        where = f"; the first is {first['file']}, line {first['line']}" if first else ""
        where += unlike_named and f"; {unlike_named}"
        raise DataError(
            f"{quarantine.height:,} of {found['read']:,} rows ({share:.1%}) are bad, and 'quarantine' allows "
            f"{threshold:.1%}: {counts.by_reason(found['quarantined'])}{where}. Mend the files (this step's MLflow run "
            "has them all in quarantine.parquet) or raise 'quarantine'"
        )
