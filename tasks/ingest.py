"""Reads sources into canonical rows: every row is kept, quarantined or removed, and counted."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from models.config import Config
from models.data.cleaning import CleanConfig
from models.data.counts import metrics
from models.data.ingestion import Ingestion
from models.data.records import Record, Rejected
from models.errors import DataError
from tasks.graph.refs import Ingested, at_once
from tasks.graph.step import step
from tasks.reading.own_files import OwnFiles
from tasks.reading.shards import CHANGED, Piece, copied
from tasks.reading.source import SourceField, content, read_all, shown
from tasks.running.job import Job


class IngestConfig(Config):
    """What is read, and how it is cleaned."""

    sources: tuple[SourceField, ...] = Field(min_length=1, description="Where rows come from.")
    columns: Literal["corpus", "all"] = Field(
        default="corpus",
        description="corpus: rows become id, source and text. all: labelled rows keep every column.",
    )
    clean: CleanConfig | None = Field(
        default=None, description="Cleaning, masking and removal of duplicates; for the corpus only."
    )

    piece: Piece | None = Field(
        default=None, description="Which lines of the only file of the only source; null: all."
    )

    def check(self) -> None:
        """Finds what keeps the sources from being read.

        Raises:
            RecipeError: with the file.
        """
        for source in self.sources:
            source.check()


@step(Ingested, process=at_once, headline="rows/kept")
def ingest(job: Job, config: IngestConfig) -> None:
    """Reads the files, cleans corpus text, masks personal data and removes duplicates."""
    work = job.scratch / "batches"
    work.mkdir(exist_ok=True)

    def progress(done: int) -> None:
        job.progress(done, 0, f"{done:,} rows read")

    files = [origin for source in config.sources for origin in source.origins()]

    def told(name: str, path: Path) -> None:
        files.append({"file": name, "path": f"{path}", "sha256": content(path)})

    if config.piece is None:
        rows = read_all(config.sources, told)
    else:
        rows = _of_piece(config, config.piece, job.scratch / "piece", files)
    ingestion = Ingestion(config.columns == "corpus", config.clean, work)
    counts = ingestion.run(rows, job.out, progress)
    if not job.as_planned():
        raise DataError(f"{', '.join(item['file'] for item in files)}: {CHANGED}")
    job.read_from(files)
    for (column, used), number in sorted(ingestion.own.items()):
        how = "is used" if used else f"is not used: the recipe names the {column} itself"
        job.say(f"{number:,} rows have a column '{column}', which {how}")
    job.metrics(metrics(counts))
    removed, bad = sum(counts["removed"].values()), sum(counts["quarantined"].values())
    job.say(
        f"{counts['read']:,} rows read, {counts['kept']:,} kept, {removed:,} removed, {bad:,} quarantined"
    )


def _of_piece(
    config: IngestConfig, piece: Piece, folder: Path, files: list[dict[str, str]]
) -> Iterator[Record | Rejected]:
    """Rows of a part of a file, numbered as in the whole."""
    (source,) = config.sources
    assert isinstance(source, OwnFiles), "only files of rows are cut"
    ((part, path),) = source.files()
    name = shown(path.name)
    where = f"{piece.start}-{piece.end}"
    files.append({"file": name, "path": f"{path}", "sha256": source.digest, "bytes": where})
    for row in source.rows(copied(path, piece, source.digest, folder), part):
        yield replace(row, file=name, line=row.line + piece.line - 1)
