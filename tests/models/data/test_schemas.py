"""Every row is checked; bad ones go to quarantine with field and reason; none is lost."""

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.records import as_json
from models.data.schemas import check, corpus, not_blank, reasons
from models.errors import DataError

SCHEMA = pa.DataFrameSchema(
    {
        "id": pa.Column(pl.String),
        "text": pa.Column(pl.String, not_blank()),
        "label": pa.Column(pl.String, pa.Check.isin(["0", "1"])),
        "score": pa.Column(pl.Float64, pa.Check.in_range(0, 5), required=False),
    }
)


def frame(rows: list[dict]) -> pl.DataFrame:
    """Labelled rows as they are read, each with its values as they stood in the file."""
    base = pl.DataFrame({"id": [str(row["id"]) for row in rows], "fields": [as_json(row) for row in rows]})
    return located(base)


def located(rows: pl.DataFrame) -> pl.DataFrame:
    lines = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    return rows.with_columns(file=pl.lit("a.tsv"), line=lines, part=pl.lit(""), group=pl.lit(""))


def test_each_kind_of_dirt_is_named_with_its_row() -> None:
    rows = frame(
        [
            {"id": "a", "text": "좋다", "label": "1", "score": "3.5"},
            {"id": "b", "text": None, "label": "1", "score": "1"},
            {"id": "c", "text": " \t", "label": "1", "score": "1"},
            {"id": "d", "text": "싫다", "label": "2", "score": "1"},
            {"id": "a", "text": "또", "label": "0", "score": "1"},
            {"id": "e", "text": "점수", "label": "0", "score": "셋"},
            {"id": "f", "text": "높다", "label": "0", "score": "9"},
        ]
    )
    kept, bad = check(rows, SCHEMA)
    assert kept["id"].to_list() == ["a"] and kept["score"].to_list() == [3.5]
    assert bad.select("line", "id", "field", "reason").rows() == [
        (2, "b", "text", "missing"),
        (3, "c", "text", "empty"),
        (4, "d", "label", "not in the set"),
        (5, "a", "id", "not unique"),
        (6, "e", "score", "not a number"),
        (7, "f", "score", "in_range(0, 5)"),
    ]
    assert '"싫다"' in bad["raw"][2]
    assert bad["value"].to_list()[4:] == ["셋", "9.0"]
    assert reasons(bad)["label: not in the set"] == 1


def test_numbers_where_text_is_wanted_are_converted_and_columns_of_others_left_out() -> None:
    rows = frame(
        [{"id": 1, "text": "가", "label": 0, "movie": "x"}, {"id": 2, "text": "나", "label": 1, "movie": "y"}]
    )
    kept, bad = check(rows, SCHEMA)
    assert kept["label"].to_list() == ["0", "1"] and bad.is_empty()
    assert kept.columns == ["id", "text", "label", "file", "line", "part", "group"]


def test_a_missing_column_says_what_there_is() -> None:
    with pytest.raises(
        DataError, match=r"a\.tsv: no column 'text'; there are id, document, label.*'columns'"
    ):
        check(frame([{"id": "1", "document": "가", "label": "0"}]), SCHEMA)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"1": "1", "좋아요": "좋다"}, r"there are id, 1, 좋아요\. .* 'header' what its columns are called"),
        ({"meta": {"text": "가"}}, r"there are id, meta, .* Set columns: \{text: meta\.text\}"),
        ({"rows": [{"of": {"text": "가"}}]}, r"at rows\[\]\.of\.text\. Write a row for each item"),
    ],
)
def test_a_missing_column_says_where_it_is_instead(row: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check(frame([{"id": "1", **row}]), SCHEMA)


def test_objects_lists_and_fractions_are_set_aside_with_the_place_and_the_value() -> None:
    entities = pa.DataFrameSchema(
        {
            "id": pa.Column(pl.String),
            "text": pa.Column(pl.String),
            "entities": pa.Column(pl.List(pl.Struct({"start": pl.Int64, "type": pl.String}))),
        }
    )
    rows = [
        {"id": "a", "text": "가", "entities": [{"start": 0, "type": "PS"}], "meta": {}},
        {"id": "b", "text": "나", "entities": [{"start": 0, "type": "PS"}, {"start": 0.7, "type": "PS"}]},
        {"id": "c", "text": {"bad": 0}, "entities": [], "meta": [1]},
        {"id": "d", "text": ["다"], "entities": []},
        {"id": "e", "text": "마", "entities": [{"start": 0, "label": "PS"}]},
        {"id": "f", "text": "바", "entities": {"start": [0]}},
    ]
    kept, bad = check(frame(rows), entities)
    assert kept["id"].to_list() == ["a"]
    assert bad.select("id", "field", "reason", "value").rows() == [
        ("b", "entities.start", "not a whole number", "0.7"),
        ("c", "text", "not a text", '{"bad": 0}'),
        ("d", "text", "not a text", '["다"]'),
        ("e", "entities.type", "missing; there are label, start", '{"start": 0, "label": "PS"}'),
        ("f", "entities", "an object, not a list", '{"start": [0]}'),
    ]


value = st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["0", "1", " ", "좋다"]))
dirty = st.lists(
    st.fixed_dictionaries({"id": st.text(max_size=2), "text": value, "label": value}), min_size=1, max_size=30
)


@given(dirty)
def test_exactly_the_rows_that_a_person_would_refuse_are_refused(rows: list[dict]) -> None:
    kept, bad = check(frame(rows), SCHEMA)
    assert kept.height + bad.height == len(rows)
    seen: set[str] = set()
    good = []
    for row in rows:
        fits = row["text"] is not None and row["text"].strip() and row["label"] in ("0", "1")
        if fits and row["id"] not in seen:
            good.append((row["id"], row["text"], row["label"]))
        seen.add(row["id"])
    assert kept.select("id", "text", "label").rows() == good
    assert sum(reasons(bad).values()) == bad.height


def test_a_corpus_needs_text() -> None:
    rows = pl.DataFrame([{"id": "1", "source": "s", "text": "가"}, {"id": "2", "source": "s", "text": ""}])
    kept, bad = check(located(rows), corpus())
    assert kept["id"].to_list() == ["1"] and reasons(bad) == {"text: empty": 1}
