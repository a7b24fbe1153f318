"""The columns of tables that reading makes."""

import polars as pl

QUARANTINE = {
    "file": pl.String,
    "line": pl.Int64,
    "id": pl.String,
    "field": pl.String,
    "reason": pl.String,
    "value": pl.String,
    "raw": pl.String,
    "raw_file": pl.String,
}
"""Columns of quarantine.parquet; `raw_file` is where the whole of a long `raw` stands, "" for others."""

REMOVED = {
    "id": pl.String,
    "file": pl.String,
    "line": pl.Int64,
    "reason": pl.String,
    "kept_id": pl.String,
    "kept_file": pl.String,
}
"""Columns of a corpus's removed.parquet; the row that is repeated, or of labelled rows the one that stands in it."""

PARTS = {"shard": pl.Int32, "row": pl.Int64, "part": pl.String, "named": pl.Boolean}
"""Columns of parts.parquet: a row of a shard that is kept, its part, and whether its id is named after its file,
since it stands in several."""
FILES = {"shard": pl.Int32, "file": pl.String, "name": pl.String, "train": pl.Int64, "validation": pl.Int64}
"""Columns of files.parquet: a file as its shard calls it, its name in the corpus, and its rows in each part."""
