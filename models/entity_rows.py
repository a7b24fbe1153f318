"""Entities: pieces of a text with a type, how they are checked, compared and shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from models.downstream import beside

NAME = re.compile(r"\w[\w. -]*")
"""What a type may be called: it is part of a metric's name."""
ENTITY = {"start": pl.Int64, "end": pl.Int64, "type": pl.String}
ENTITIES = pl.List(pl.Struct(ENTITY))
PREDICTIONS = {"id": pl.String, "entities": pl.List(pl.Struct({**ENTITY, "probability": pl.Float64}))}

Entity = dict[str, Any]
"""`start`, `end` (characters, half-open), `type`; a predicted one has a `probability` too."""


def inside(row: dict[str, Any]) -> bool:
    """Whether each entity has characters, all in the text; a text that is missing has a reason of its own."""
    return row["text"] is None or all(
        entity is not None
        and entity["start"] is not None
        and entity["end"] is not None
        and 0 <= entity["start"] < entity["end"] <= len(row["text"])
        for entity in row["entities"] or ()
    )


def apart(row: dict[str, Any]) -> bool:
    """Whether no two entities overlap."""
    found = [(entity["start"], entity["end"]) for entity in row["entities"] or () if entity is not None]
    placed = sorted((start, end) for start, end in found if start is not None and end is not None)
    return all(end <= start for (_, end), (start, _) in pairwise(placed))


def named(types: tuple[str, ...] | None, row: dict[str, Any]) -> bool:
    """Whether each type is one of `types`, or where these are open, may be a type."""
    names = [entity["type"] or "" for entity in row["entities"] or () if entity is not None]
    return all(name in types if types is not None else NAME.fullmatch(name) for name in names)


def entity(start: int, end: int, kind: str, probability: float) -> Entity:
    """A predicted entity."""
    return {"start": start, "end": end, "type": kind, "probability": probability}


def predictions(rows: pl.DataFrame, entities: Sequence[list[Entity]]) -> pl.DataFrame:
    """The predictions frame of rows."""
    return pl.DataFrame({"id": rows["id"], "entities": entities}, schema=PREDICTIONS)


def key(entities: Sequence[Entity]) -> set[tuple[int, int, str]]:
    """What two entities are compared by."""
    return {(entity["start"], entity["end"], entity["type"]) for entity in entities}


def pairs(rows: pl.DataFrame, predictions: pl.DataFrame) -> Iterator[tuple[set[Any], set[Any]]]:
    """Predicted and gold entities of each prediction."""
    gold = beside(predictions, rows)["entities"].to_list()
    for found, true in zip(predictions["entities"].to_list(), gold, strict=True):
        yield key(found), key(true)


def f1(counts: np.ndarray) -> np.ndarray:
    """F1 (…) of entities right, predicted and gold (…, 3); 0 where there are none."""
    return 2 * counts[..., 0] / np.maximum(counts[..., 1] + counts[..., 2], 1)


def shown(text: str, entities: Sequence[Entity]) -> str:
    """Entities for a reader: `서울:LC 0–2`."""
    found = sorted(key(entities))
    return ", ".join(f"{text[start:end]}:{kind} {start}–{end}" for start, end, kind in found)
