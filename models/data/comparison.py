"""What texts are compared by: one normal form for duplicates and leaks."""

from collections.abc import Collection

import polars as pl

from models.data.records import PROVENANCE

NOT_TEXT = frozenset({"id", "label", "source", *PROVENANCE})


def text_columns(rows: pl.DataFrame) -> list[str]:
    """Columns that hold a row's text."""
    return [name for name, kind in rows.schema.items() if kind == pl.String and name not in NOT_TEXT]


def comparable(rows: pl.DataFrame, texts: Collection[str]) -> pl.DataFrame:
    """What rows are compared by, those of `texts` that they have, and where they come from."""
    return rows.select("id", *PROVENANCE, *(name for name in texts if name in rows.columns))


def normalised(name: str) -> pl.Expr:
    """A column's text as it is compared: NFKC, lower case, white space folded."""
    return (
        pl.col(name).str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    )


def compared(text: str) -> str:
    """One text as it is compared; many are quicker in a frame, with `normalised`."""
    return pl.DataFrame({"text": [text]}).select(normalised("text")).item()
