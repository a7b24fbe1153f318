"""Entities: pieces of a text with a type; rows of them, and how these are checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from models.late import pl

if TYPE_CHECKING:
    from pandera.polars import Check

NAME = re.compile(r"\w[\w. -]*")
"""What a type may be called: it is part of a metric's name."""

Entity = dict[str, Any]
"""`start`, `end` (characters, half-open), `type`; a predicted one has a `probability` too."""


def column(**more: type[pl.DataType]) -> pl.List:
    """The type of a column of entities, which may have `more` fields."""
    return pl.List(pl.Struct({"start": pl.Int64, "end": pl.Int64, "type": pl.String, **more}))


def checks(types: tuple[str, ...] | None) -> list[Check]:
    """What must hold of the entities of each row; None: types are open."""
    import pandera.polars as pa

    tests = {
        "not inside the text": inside,
        "overlapping": apart,
        "without a known type": partial(named, types),
    }
    return [
        pa.Check(
            lambda data, test=test: data.lazyframe.select(
                pl.struct("text", "entities").map_elements(test, return_dtype=pl.Boolean)
            ),
            error=reason,
        )
        for reason, test in tests.items()
    ]


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
    ends = [(entity["start"], entity["end"]) for entity in row["entities"] or () if entity is not None]
    placed = sorted((start, end) for start, end in ends if start is not None and end is not None)
    return all(end <= start for (_, end), (start, _) in pairwise(placed))


def named(types: tuple[str, ...] | None, row: dict[str, Any]) -> bool:
    """Whether each type is one of `types`, or where these are open, may be a type."""
    names = [entity["type"] or "" for entity in row["entities"] or () if entity is not None]
    return all(name in types if types is not None else NAME.fullmatch(name) for name in names)


def examples(types: Sequence[str]) -> pl.DataFrame:
    """Made-up rows with places and people, whose entities are of two of `types`."""
    marked = (
        "<민수|1>는 <서울|0>에 산다",
        "<지우|1>가 <부산|0>으로 떠났다",
        "<하나|1>와 <두리|1>는 친구다",
        "오늘은 비가 온다",
        "<새 강|0>을 건너 <대전|0>에 닿았다",
        "<대구|0><광주|0>행 기차",
        "나는 <김 영희|1>를 보았다",
        "<제주|0>는 멀다",
    )
    rows = []
    for number, line in enumerate(marked):
        text, entities = "", []
        for plain, name, place in re.findall(r"([^<]*)(?:<(.*?)\|(\d)>|$)", line):
            text += plain + name
            if name:
                kind = types[int(place) % len(types)]
                entities.append({"start": len(text) - len(name), "end": len(text), "type": kind})
        rows.append((f"example-{number}", text, entities))
    return pl.DataFrame(rows, schema={"id": pl.String, "text": pl.String, "entities": column()}, orient="row")


def corrupted(right: pl.DataFrame, types: Sequence[str] | None) -> pl.DataFrame:
    """The first of some right rows, with something else wrong in each; a type is wrong where `types` are closed."""
    row = right.row(0, named=True)
    first, length = row["entities"][0], len(row["text"])
    spans = [(None, 1), (0, None), (-1, 1), (0, length + 1), (length, length + 1), (1, 1), (2, 1)]
    entities = [[first | {"start": start, "end": end}] for start, end in spans]
    entities += [[first | {"type": kind}] for kind in (None, "", " ", "a\tb")]
    entities += [None, [None], [first, first], [*row["entities"], first | {"start": 1, "end": 3}]]
    if types is not None:
        entities.append([first | {"type": "not-a-type"}])
    wrong = {"id": [None, ""], "text": [None, " \t", ""], "entities": entities}
    rows = [row | {name: value} for name, values in wrong.items() for value in values]
    return pl.DataFrame(rows, schema=right.schema)


def entity(start: int, end: int, kind: str, probability: float) -> Entity:
    """A predicted entity."""
    return {"start": start, "end": end, "type": kind, "probability": probability}


def predictions(rows: pl.DataFrame, entities: Sequence[list[Entity]]) -> pl.DataFrame:
    """The predictions frame of rows."""
    schema = {"id": pl.String, "entities": column(probability=pl.Float64)}
    return pl.DataFrame({"id": rows["id"], "entities": entities}, schema=schema)


def key(entities: Sequence[Entity]) -> set[tuple[int, int, str]]:
    """What two entities are compared by."""
    return {(entity["start"], entity["end"], entity["type"]) for entity in entities}
