"""Shards of a corpus as their steps leave them, made on the spot, and the corpus put together."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from models.data.cleaning import CleanConfig
from models.data.gathering import Gathering
from models.data.ingestion import Ingestion
from models.data.records import Record

Text = str | tuple[str, str]
"""A text, or an id and a text."""


def write_shard(folder: Path, file: str, texts: Sequence[Text], cleaning: CleanConfig | None = None) -> Path:
    """A folder with what `validate` makes of a file with a text a line."""
    folder.mkdir(parents=True)
    rows = [{"text": text} if isinstance(text, str) else {"id": text[0], "text": text[1]} for text in texts]
    records = (Record(row, file, line) for line, row in enumerate(rows, start=1))
    with TemporaryDirectory() as work:
        Ingestion(True, cleaning or CleanConfig(), Path(work)).run(records, folder)
    return folder


def gathered(
    out: Path,
    shards: Sequence[Path],
    cleaning: CleanConfig | None = None,
    seed: int = 1,
    share: float = 0.2,
) -> dict[str, pl.DataFrame]:
    """The tables that `hold_out` makes of shards, by name."""
    out.mkdir(parents=True)
    with TemporaryDirectory() as work:
        corpus = Gathering(shards, cleaning or CleanConfig(), Path(work), out)
        corpus.quarantine()
        corpus.write(seed, share)
    return {path.stem: pl.read_parquet(path) for path in out.glob("*.parquet")}
