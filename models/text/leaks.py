"""Test rows that stand in the pretraining corpus, found exactly."""

from collections.abc import Iterable

import polars as pl

from models.text.splits import normalised, text_columns

SHORTEST = 20
"""Characters a text needs to be looked for inside longer documents; a shorter one is there by chance."""
BATCH = 50_000

LEAKS = {
    "row_id": pl.String,
    "part": pl.String,
    "corpus_id": pl.String,
    "corpus_file": pl.String,
    "corpus_line": pl.Int64,
    "kind": pl.String,
}
"""Columns of leaks.parquet; `kind` is equal or contained."""


def leaks(rows: pl.DataFrame, corpus: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Where the texts of held-out rows stand in a corpus.

    Args:
        rows: with `id` and `part`; those to look for (validation and test).
        corpus: batches with `id`, `file`, `line`, `text`.

    Returns:
        A line for each pair of row and document: the document is one of the row's texts (`equal`), or contains one of
        at least 20 characters (`contained`). Texts are compared as `normalised` has them.
    """
    texts = pl.concat(
        [pl.DataFrame(schema={"row_id": pl.String, "part": pl.String, "text": pl.String})]
        + [rows.select(row_id="id", part="part", text=normalised(name)) for name in text_columns(rows)]
    ).filter(pl.col("text").str.len_chars() > 0)
    long = texts.filter(pl.col("text").str.len_chars() >= SHORTEST)["text"].unique(maintain_order=True)
    found = [pl.DataFrame(schema=LEAKS)]
    for batch in corpus:
        documents = batch.select(
            corpus_id="id",
            corpus_file="file",
            corpus_line=pl.col("line").cast(pl.Int64),
            document=normalised("text"),
        )
        for kind, hits in (
            ("equal", documents.with_columns(text="document")),
            ("contained", _inside(documents, long)),
        ):
            joined = hits.join(texts, on="text", how="inner", maintain_order="left_right")
            found.append(joined.with_columns(kind=pl.lit(kind)).select(*LEAKS))
    return pl.concat(found).unique(
        ["row_id", "part", "corpus_id", "corpus_file", "corpus_line"], keep="first", maintain_order=True
    )


def _inside(documents: pl.DataFrame, texts: pl.Series) -> pl.DataFrame:
    """Documents with each of `texts` they contain and are not, as column `text`."""
    if texts.is_empty():
        return documents.clear().with_columns(text="document")
    longer = documents.filter(pl.col("document").str.len_chars() > SHORTEST)
    hits = longer.with_columns(text=pl.col("document").str.extract_many(texts.implode(), overlapping=True))
    return hits.explode("text").filter(pl.col("text").is_not_null() & (pl.col("text") != pl.col("document")))
