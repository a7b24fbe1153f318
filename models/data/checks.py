"""Checks of columns that several kinds of rows share.

pandera takes seconds to import, so that only checking does: a recipe is read without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.late import pl

if TYPE_CHECKING:
    from pandera.polars import Check

LABEL = "label"
"""In the metadata of a column: its values (or those of this field in its objects) are labels, equal if they look so."""
LABELS = "labels"
"""In the metadata of a column of lists: their items are labels, and this stands between those that are written as one
text."""


def not_blank() -> Check:
    """Text with at least one character that is not white space."""
    import pandera.polars as pa

    return pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).str.contains(r"\S")), error="empty")
