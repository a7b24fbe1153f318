"""Rows and tokenizers for the tests of ner."""

import itertools

import polars as pl
from hypothesis import strategies as st

from models.downstream.ner import NamedEntities
from models.downstream.ner.entities import column

SCHEMA = {"id": pl.String, "text": pl.String, "entities": column()}


NER = NamedEntities(types=("LC", "PS"))


def frame(*marked: tuple[str, list[tuple[int, int, str]]]) -> pl.DataFrame:
    """Rows from texts with the start, end and type of their entities."""
    rows = [
        (str(number), text, [{"start": start, "end": end, "type": kind} for start, end, kind in entities])
        for number, (text, entities) in enumerate(marked)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def entities_of(predictions: pl.DataFrame) -> list[list[tuple[int, int, str]]]:
    """Start, end and type of each entity of each row."""
    return [[(item["start"], item["end"], item["type"]) for item in row] for row in predictions["entities"]]


@st.composite
def spans(draw: st.DrawFn, length: int) -> list[tuple[int, int, str]]:
    """Entities of a text, some of them touching."""
    cuts = draw(st.lists(st.integers(0, length), unique=True).map(sorted))
    kinds = [draw(st.sampled_from(["", "LC", "PS"])) for _ in cuts[1:]]
    return [(*pair, kind) for pair, kind in zip(itertools.pairwise(cuts), kinds, strict=True) if kind]


def predicted(rows: pl.DataFrame, entities: list[list[tuple[int, int, str]]]) -> pl.DataFrame:
    items = [
        [{"start": start, "end": end, "type": kind, "probability": 0.5} for start, end, kind in row]
        for row in entities
    ]
    schema = NER.decode([], [], rows.clear()).schema
    return pl.DataFrame({"id": rows["id"], "entities": items}, schema=schema)
