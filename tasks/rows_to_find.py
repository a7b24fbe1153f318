"""The test rows of labelled data, as they are looked for in the corpus."""

import tempfile
from pathlib import Path

import polars as pl
from pydantic import Field

from models.config import Config
from models.data import splits
from models.data.comparison import comparable
from models.data.ingestion import Ingestion
from models.data.names import qualified
from models.data.quarantine import told
from models.data.schemas import unpacked
from models.errors import DataError
from tasks.graph.refs import RowsToFind
from tasks.graph.step import step
from tasks.reading.source import SourceField, read_all
from tasks.running.job import Job


class Labelled(Config):
    """The labelled rows of one downstream, as far as their test rows matter to the corpus."""

    sources: tuple[SourceField, ...] = Field(min_length=1, description="Where the labelled rows come from.")
    seed: int = Field(default=0, description="The seed their parts are drawn with.")
    texts: tuple[str, ...] = Field(default=("text",), description="The columns that hold text.")
    pool: str | None = Field(default=None, description="The column that says which rows are no examples.")

    @property
    def columns(self) -> dict[str, pl.DataType]:
        """What of the rows matters here."""
        columns: dict[str, pl.DataType] = {name: pl.String() for name in self.texts}
        return columns if self.pool is None else columns | {self.pool: pl.Boolean()}


class RowsToFindConfig(Config):
    """Whose test rows the corpus must not hold."""

    tests: tuple[Labelled, ...] = Field(min_length=1, description="The labelled rows of each downstream.")


@step(RowsToFind)
def rows_to_find(job: Job, config: RowsToFindConfig) -> None:
    """Reads labelled rows and keeps the texts of those that are for testing."""
    for number, tests in enumerate(config.tests):
        with tempfile.TemporaryDirectory(dir=job.scratch) as folder:
            rows = _in_test(tests, Path(folder))
        rows.write_parquet(job.out / f"rows-{number:04d}.parquet", compression="zstd")


def _in_test(tests: Labelled, out: Path) -> pl.DataFrame:
    found = Ingestion(False, None, out).run(read_all(tests.sources), out)
    if not found["kept"]:
        raise DataError(
            f"none of {found['read']:,} labelled rows can be read, whose test rows are to be taken out of the "
            f"corpus: {told(found['quarantined'], pl.read_parquet(out / 'quarantine.parquet'))}. Mend the files"
        )
    rows, _ = unpacked(pl.read_parquet(out / "rows.parquet"), tests.columns, tests.texts)
    rows, _ = splits.apart(qualified(rows, tests.pool), tests.pool)
    return comparable(splits.assign(rows, tests.seed), tests.texts).filter(pl.col("part") == "test")
