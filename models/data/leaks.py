"""Test rows that stand in the pretraining corpus, found exactly."""

from collections import Counter
from collections.abc import Iterable

import polars as pl

from models.data.cleaning import CleanConfig, clean
from models.data.comparison import normalised, text_columns

SHORTEST = 20
"""Characters a text needs to be looked for inside longer documents; a shorter one is there by chance."""
RUN = 13
"""Words in a row that two texts share only where one was taken from the other (Brown et al. 2020, appendix C)."""
BATCH = 5_000
"""Documents that are looked through together: all their runs of words are held at once."""

LEAKS = {
    "row_id": pl.String,
    "part": pl.String,
    "corpus_id": pl.String,
    "corpus_file": pl.String,
    "corpus_line": pl.Int64,
    "kind": pl.String,
}
"""Columns of leaks.parquet; `kind` is equal, contained or partial."""


def find_leaks(
    rows: pl.DataFrame, corpus: Iterable[pl.DataFrame], cleaned: CleanConfig | None = None
) -> pl.DataFrame:
    """Where the texts of held-out rows stand in a corpus.

    Args:
        rows: with `id` and `part`; those to look for (validation and test).
        corpus: batches with `id`, `file`, `line`, `text`.
        cleaned: what was done to the corpus, and is done to the rows' texts before they are looked for in it.

    Returns:
        A line for each pair of row and document: the document is one of the row's texts (`equal`), contains one of
        at least 20 characters (`contained`), or shares 13 words in a row with one (`partial`). Texts are compared as
        `normalised` has them.
    """
    looked_for = LookedFor(rows, cleaned)
    return looked_for.once(map(looked_for.within, corpus))


class LookedFor:
    """Texts of held-out rows, ready to be looked for; see `find_leaks`."""

    def __init__(self, rows: pl.DataFrame, cleaned: CleanConfig | None = None) -> None:
        if cleaned is not None:
            rows = rows.with_columns(_cleaned(name, cleaned) for name in text_columns(rows))
        texts = pl.concat(
            [pl.DataFrame(schema={"row_id": pl.String, "part": pl.String, "text": pl.String})]
            + [rows.select(row_id="id", part="part", text=normalised(name)) for name in text_columns(rows)]
        )
        self._texts = texts.filter(pl.col("text").str.len_chars() > 0)
        long = self._texts.filter(pl.col("text").str.len_chars() >= SHORTEST)
        self._long = long["text"].unique(maintain_order=True)
        self._runs = _runs(self._texts.select("text").unique(maintain_order=True))

    def within(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Where they stand in some documents; a pair may be named several times."""
        documents = batch.select(
            corpus_id="id",
            corpus_file="file",
            corpus_line=pl.col("line").cast(pl.Int64),
            document=normalised("text"),
        )
        found = []
        for kind, hits in (
            ("equal", documents.with_columns(text="document")),
            ("contained", _inside(documents, self._long)),
            ("partial", _sharing(documents, self._runs)),
        ):
            joined = hits.join(self._texts, on="text", how="inner", maintain_order="left_right")
            found.append(joined.with_columns(kind=pl.lit(kind)).select(*LEAKS))
        return pl.concat(found)

    @staticmethod
    def once(found: Iterable[pl.DataFrame]) -> pl.DataFrame:
        """Each pair of row and document once, of the first kind that was found."""
        return pl.concat([pl.DataFrame(schema=LEAKS), *found]).unique(
            ["row_id", "part", "corpus_id", "corpus_file", "corpus_line"], keep="first", maintain_order=True
        )


def _inside(documents: pl.DataFrame, texts: pl.Series) -> pl.DataFrame:
    """Documents with each of `texts` they contain and are not, as column `text`."""
    if texts.is_empty():
        return documents.clear().with_columns(text="document")
    longer = documents.filter(pl.col("document").str.len_chars() > SHORTEST)
    hits = longer.with_columns(text=pl.col("document").str.extract_many(texts.implode(), overlapping=True))
    return hits.explode("text").filter(pl.col("text").is_not_null() & (pl.col("text") != pl.col("document")))


def _sharing(documents: pl.DataFrame, runs: pl.DataFrame) -> pl.DataFrame:
    """Documents with each text, as column `text`, that they share one of `runs` with."""
    own = _runs(documents.with_columns(text="document"))
    shared = own.drop("text").join(runs, on="run", how="inner", maintain_order="left_right")
    return shared.drop("run").unique(maintain_order=True)


def _runs(texts: pl.DataFrame) -> pl.DataFrame:
    """Every `RUN` words in a row of column `text`, as column `run`, beside the other columns."""
    long = texts.with_columns(_word=pl.col("text").str.split(" ")).filter(pl.col("_word").list.len() >= RUN)
    each = long.with_row_index("_at").explode("_word")
    run = pl.concat_str([pl.col("_word").shift(-place) for place in range(RUN)], separator=" ")
    ends_here = pl.col("_at") == pl.col("_at").shift(1 - RUN)
    return each.with_columns(run=run).filter(ends_here).drop("_at", "_word")


def _cleaned(name: str, how: CleanConfig) -> pl.Expr:
    return pl.col(name).map_elements(lambda text: clean(text, how, Counter()), return_dtype=pl.String)
