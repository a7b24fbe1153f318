"""Reading a corpus whose rows lie in shards: which of them are of a part, and their texts, never all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from models.late import np, pl

BATCH = 10_000
"""Rows of a shard that are held at once."""


def parts_of(corpus: Path, shard: int) -> pl.DataFrame:
    """`row`, `part` and `named` of the rows of a shard that a corpus keeps, in order."""
    chosen = pl.scan_parquet(corpus / "parts.parquet").filter(pl.col("shard") == shard)
    return chosen.select("row", "part", "named").collect()


def texts(
    corpus: Path, shards: Sequence[Path], part: str | None = None, batch: int = BATCH
) -> Iterator[pl.DataFrame]:
    """`id`, `file`, `line` and `text` of a corpus's rows in order, some at a time.

    Args:
        corpus: the folder that `hold_out` made.
        shards: the folders of the corpus's shards, in order.
        part: train or validation; None for both.
        batch: rows of a shard that are looked at together.
    """
    names = pl.read_parquet(corpus / "files.parquet")
    for number, folder in enumerate(shards):
        chosen = parts_of(corpus, number)
        if part is not None:
            chosen = chosen.filter(pl.col("part") == part)
        if chosen.is_empty():
            continue
        own = names.filter(pl.col("shard") == number).select("file", "name")
        at = 0
        rows, named = chosen["row"].to_numpy(), chosen["named"].to_numpy()
        for read in batches(folder / "rows.parquet", ("id", "file", "line", "text"), batch):
            first, last = np.searchsorted(rows, (at, at + read.height))
            here = read[rows[first:last] - at].with_columns(_named=named[first:last])
            at += read.height
            if here.height:
                placed = here.join(own, on="file", how="left", maintain_order="left")
                yield as_in_corpus(placed).select("id", "file", "line", "text")


def as_in_corpus(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the `name` that their file has in the corpus, and the ids that tell them apart there: one that was made
    of file and line is made of this name."""
    of_place, of_line = (pl.concat_str([name, pl.lit(":"), "line"]) for name in ("file", "name"))
    told_apart = pl.when("_named").then(pl.concat_str(["name", pl.lit(":"), "id"])).otherwise("id")
    return rows.with_columns(
        id=pl.when(pl.col("id") == of_place).then(of_line).otherwise(told_apart), file="name"
    )


def batches(path: Path, columns: Sequence[str], size: int = BATCH) -> Iterator[pl.DataFrame]:
    """Columns of a Parquet file, so many rows at a time, however the file is laid out."""
    from pyarrow import parquet  # recipes load this module, and it takes long to import

    with parquet.ParquetFile(path) as file:
        left = None
        for read in file.iter_batches(size, columns=list(columns)):
            rows = pl.DataFrame(read) if left is None else pl.concat([left, pl.DataFrame(read)])
            while rows.height >= size:
                yield rows[:size]
                rows = rows[size:]
            left = rows
        if left is not None and left.height:
            yield left
