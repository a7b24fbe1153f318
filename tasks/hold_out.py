"""The corpus in two parts: what models learn from, and what is held out to evaluate pretraining."""

import tempfile
from pathlib import Path

import polars as pl
from pydantic import Field

from models.config import Config
from models.data import counts, splits
from models.data.cleaning import CleanConfig
from models.data.comparison import comparable
from models.data.ingestion import Ingestion
from models.data.leaks import BATCH, LEAKS, find_leaks
from models.data.names import qualified
from models.data.quarantine import told
from models.data.schemas import unpacked
from models.errors import DataError
from tasks.graph.refs import Corpus, Validated
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


class HoldOutConfig(Config):
    """How much is held out, and whose test rows the corpus must not hold."""

    seed: int = Field(default=0, description="Seed of the draw.")
    holdout: float = Field(default=0.01, gt=0, lt=1, description="Share of the texts that is held out.")
    tests: tuple[Labelled, ...] = Field(
        default=(), description="With leaks: remove, whose test rows are taken out of the corpus."
    )
    cleaned: CleanConfig | None = Field(
        default=None, description="How the corpus was cleaned: rows are looked for as they would stand in it."
    )


@step(Corpus, headline="parts/train")
def hold_out(job: Job, config: HoldOutConfig, rows: Validated) -> None:
    """Holds a share of the corpus out, and takes texts out in which a test row stands, where the recipe says so."""
    source = job.files(rows)
    frame = splits.hold_out(pl.read_parquet(source / "rows.parquet"), config.seed, config.holdout)
    leaks = _tests_inside(config, frame, job.work)
    repeats = leaks.select(id="corpus_id", reason=pl.lit("leak"), kept_id="row_id")
    removed = splits.repeating(frame, repeats)
    frame = splits.without(frame, removed)
    if removed.height:  # all that was held out may be among them; other texts stay in their part
        if frame.is_empty():
            raise DataError(
                "a test row stands in every text of the corpus, so none is left to learn from: give other texts, or "
                "set corpus.leaks: report"
            )
        frame = splits.hold_out(frame, config.seed, config.holdout)
    splits.write(frame, ("train", "validation"), removed, job.out)
    leaks.write_parquet(job.out / "leaks.parquet", compression="zstd")
    made = splits.counted(counts.load(source), frame, removed)
    made["leaks"] = dict(leaks["kind"].value_counts().sort("kind").iter_rows())
    counts.write(job.out, made)
    job.metrics(counts.metrics(made))
    job.say(", ".join(f"{name} {count:,}" for name, count in made["parts"].items()))
    if removed.height:
        job.warn(
            f"{removed.height:,} texts are taken out, in which {leaks['row_id'].n_unique():,} test rows stand: "
            "see leaks.parquet"
        )


def _tests_inside(config: HoldOutConfig, frame: pl.DataFrame, work: Path) -> pl.DataFrame:
    """Where the test rows of the recipe's downstreams stand in the corpus."""
    leaks = [pl.DataFrame(schema=LEAKS)]
    for tests in config.tests:
        with tempfile.TemporaryDirectory(dir=work) as folder:
            out = Path(folder)
            found = Ingestion(False, None, out).run(read_all(tests.sources), out)
            if not found["kept"]:
                raise DataError(
                    f"none of {found['read']:,} labelled rows can be read, whose test rows are to be taken out of the "
                    f"corpus: {told(found['quarantined'], pl.read_parquet(out / 'quarantine.parquet'))}. Mend the files"
                )
            rows, _ = unpacked(pl.read_parquet(out / "rows.parquet"), tests.columns, tests.texts)
            rows, _ = splits.apart(qualified(rows, tests.pool), tests.pool)
            rows = comparable(splits.assign(rows, tests.seed), tests.texts)
        in_test = rows.filter(pl.col("part") == "test")
        leaks.append(find_leaks(in_test, frame.iter_slices(BATCH), config.cleaned))
    return pl.concat(leaks)
