"""Rows with entities are checked."""

from typing import Any

import polars as pl
import pytest

from models.data import schemas as checked
from tests.support.ner_rows import NER, frame


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("서울", [(1, 3, "LC")]), "entities: not inside the text"),
        (("서울", [(1, 1, "LC")]), "entities: not inside the text"),
        (("서울", [(0, 2, "LC"), (1, 2, "PS")]), "entities: overlapping"),
        (("서울", [(0, 2, "OG")]), "entities: without a known type"),
        (("\t", []), "text: empty"),
    ],
)
def test_bad_rows_are_set_aside_with_the_reason(row: Any, reason: str) -> None:
    rows = frame(("서울에 간다", [(3, 4, "PS"), (0, 2, "LC")]), row, ("간다", []))
    where = {"file": "a.tsv", "part": "", "group": ""}
    rows = rows.with_row_index("line").with_columns(
        pl.col("line").cast(pl.Int64), **{name: pl.lit(value) for name, value in where.items()}
    )
    kept, bad = checked.check(rows, NER.schema())
    assert kept["id"].to_list() == ["0", "2"]
    assert checked.reasons(bad) == {reason: 1}
