"""Rows and tokenizers for the tests of retrieval."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from models.downstream.retrieval.relevance import column

SCHEMA = {"id": pl.String, "text": pl.String, "passage": pl.Boolean, "relevant": column()}


def silent(done: int, total: int, text: str) -> None:
    """Nobody is told how it goes."""


def frame(queries: Mapping[str, tuple[str, Mapping[str, int]]], passages: Mapping[str, str]) -> pl.DataFrame:
    """Rows of queries, id -> (text, {passage: grade}), and of passages, id -> text."""
    rows: list[tuple[str, str, bool, list[dict[str, Any]] | None]] = [
        (name, text, False, [{"passage_id": found, "grade": grade} for found, grade in relevant.items()])
        for name, (text, relevant) in queries.items()
    ]
    rows += [(name, text, True, None) for name, text in passages.items()]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
