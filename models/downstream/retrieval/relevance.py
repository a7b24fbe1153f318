"""Which passages are relevant to which queries: what such rows must be, and what a model learns from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.data.checks import not_blank
from models.data.comparison import normalised
from models.errors import DataError
from models.interfaces.features import Feature
from models.late import pl

if TYPE_CHECKING:
    from pandera.polars import Check, DataFrameSchema

FORM, PASSAGE, NONE, UNKNOWN = PROBLEMS = (
    "not passages, each once, with grades from 0 up",
    "given for a passage",
    "no passage of a grade above 0",
    "names a passage that is not there",
)
"""What can be wrong with `relevant`, as a quarantine says it."""


@dataclass(kw_only=True)
class Text(Feature):
    """A query or a passage."""

    gold: dict[int, int] = field(default_factory=dict)
    """Row of a passage that is relevant to it -> grade; a passage is relevant to itself."""
    rows: int = 0
    """How many rows there are."""
    content: int = 0
    """A number that texts share whose `normalised` forms are the same."""
    positive: Text | None = None
    """The passage that a labelled query is to find: of its relevant ones that of the highest grade, ties by id."""
    wanted: set[int] = field(default_factory=set)
    """The contents that are no wrong answer to a labelled query: those of all passages that are relevant to a query
    with this text, and this text itself."""


def column() -> pl.List:
    """The type of the column `relevant`."""
    return pl.List(pl.Struct({"passage_id": pl.String, "grade": pl.Int64}))


def schema() -> DataFrameSchema:
    """What queries and passages must be."""
    import pandera.polars as pa

    filled = not_blank()
    return pa.DataFrameSchema(
        {
            "id": pa.Column(pl.String, filled),
            "text": pa.Column(pl.String, filled),
            "passage": pa.Column(pl.Boolean),
            "relevant": pa.Column(column(), checks(), nullable=True),
        }
    )


def checks() -> list[Check]:
    """Of the column `relevant`, one for each of `PROBLEMS`; they look at all rows together."""
    import pandera.polars as pa

    return [
        pa.Check(
            lambda data, wrong=problem: pl.LazyFrame(
                {data.key: [has != wrong for has in _problems(data.lazyframe.collect())]},
                schema={data.key: pl.Boolean},
            ),
            error=problem,
        )
        for problem in PROBLEMS
    ]


def _problems(rows: pl.DataFrame) -> list[str | None]:
    """The first thing that is wrong with each row's `relevant`."""
    there = rows.filter(pl.col("passage") & pl.col("text").str.contains(r"\S"))
    known = set(there["id"].drop_nulls())
    pairs = zip(rows["passage"], rows["relevant"].to_list(), strict=True)
    return [_problem(passage, relevant, known) for passage, relevant in pairs]


def _problem(
    passage: bool | None, relevant: Sequence[Mapping[str, Any]] | None, known: set[str]
) -> str | None:
    if passage is None:
        return None  # which has a reason of its own
    if passage:
        return PASSAGE if relevant else None
    names = [item and item["passage_id"] for item in relevant or ()]
    if None in names or len(set(names)) < len(names):
        return FORM
    if any(item["grade"] is None or item["grade"] < 0 for item in relevant or ()):
        return FORM
    if not grades(relevant):
        return NONE
    return None if known.issuperset(names) else UNKNOWN


def grades(relevant: Sequence[Mapping[str, Any]] | None) -> dict[str, int]:
    """Passage -> grade, of the passages that are relevant to a query: those of a grade above 0."""
    return {item["passage_id"]: item["grade"] for item in relevant or () if item["grade"] > 0}


def label(features: Sequence[Text], rows: pl.DataFrame) -> None:
    """Sets the content of each row's feature and what it is relevant to, and `positive` and `wanted` of queries.

    Where rows have a `group` (an article, say), `alike` is a number for that of the positive: passages of one group are
    hard to tell apart, and more is learnt from them than from any (Hofstätter et al., Efficiently Teaching an Effective
    Dense Retriever with Balanced Topic Aware Sampling, 2021).

    Raises:
        DataError: none of the passages that are relevant to a query is among the rows.
    """
    ids, contents = rows["id"].to_list(), rows.select(normalised("text").rank("dense"))["text"].to_list()
    groups = rows["group"].rank("dense").to_list() if "group" in rows.columns else None
    places = {ids[row]: row for row in rows["passage"].arg_true()}
    wanted: dict[int, set[int]] = {}
    for row, (passage, relevant) in enumerate(rows.select("passage", "relevant").iter_rows()):
        features[row].content, features[row].rows = contents[row], rows.height
        if passage:
            features[row].gold = {row: 1}
            continue
        gold = {places[name]: grade for name, grade in grades(relevant).items() if name in places}
        if not gold:
            raise DataError(
                f"query {ids[row]}: none of its relevant passages is there; give them beside the query"
            )
        best = min(gold, key=lambda at: (-gold[at], ids[at]))
        fits = wanted.setdefault(contents[row], {contents[row]})  # one set for all queries with this text
        fits |= {contents[at] for at in gold}
        features[row].gold, features[row].positive, features[row].wanted = gold, features[best], fits
        if groups:
            features[row].alike = groups[best]
