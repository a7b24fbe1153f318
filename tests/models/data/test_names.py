"""Ids that meet are told apart, and references lead where they were meant to."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.data.names import AMBIGUOUS, Names, followed, qualified
from models.data.schemas import check, reasons
from models.downstream.retrieval import Retrieval
from tests.models.data.test_schemas import frame

FILES = ["a.csv", "a.csv#2", "a", "a:b"]
ID = st.sampled_from(["0", "1", "b:0", "a.csv:0", "train/a.csv:0", "a:0", "a:b:0", "passage/a:0", "0#2"])
PLACES = st.tuples(st.sampled_from(["", "train", "test"]), st.sampled_from(FILES), st.booleans(), ID)


def placed(rows: list[tuple[str, str, bool, str]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["part", "file", "passage", "id"], orient="row").with_columns(line=7)


@given(st.lists(PLACES, min_size=1, max_size=30))
def test_ids_are_the_same_exactly_where_part_file_kind_and_id_are(
    rows: list[tuple[str, str, bool, str]],
) -> None:
    names = qualified(placed(rows), "passage")["id"].to_list()
    assert len(set(zip(rows, names, strict=True))) == len(set(rows)) == len(set(names))


def test_ids_that_do_not_meet_stay_as_they_are() -> None:
    rows = placed([("train", "a", False, "1"), ("test", "b", False, "2"), ("test", "b", False, "2")])
    assert qualified(rows)["id"].to_list() == ["1", "2", "2"]


@given(st.lists(st.sampled_from(["a", "a#2", "a#2#2", "b"]), max_size=12))
def test_every_name_is_given_once(given: list[str]) -> None:
    names = Names()
    made = [names.own(name) for name in given]
    assert len(set(made)) == len(made)
    assert all(name.startswith(wanted) for name, wanted in zip(made, given, strict=True))


def retrieval(rows: list[tuple[str, dict]]) -> pl.DataFrame:
    """Rows with the file that each is in."""
    made = frame([row for _, row in rows])
    return made.with_columns(file=pl.Series([file for file, _ in rows]))


def query(name: str, *passages: str) -> dict:
    relevant = [{"passage_id": passage, "grade": 1} for passage in passages]
    return {"id": name, "text": f"질문 {name}", "passage": False, "relevant": relevant}


def passage(name: str, text: str = "") -> dict:
    return {"id": name, "text": text or f"글 {name}", "passage": True}


def checked(rows: list[tuple[str, dict]]) -> tuple[pl.DataFrame, dict[str, int]]:
    kept, bad = check(retrieval(rows), Retrieval().schema(), Retrieval.pool, Retrieval.refers)
    assert kept.height + bad.height == len(rows)
    return kept, reasons(bad)


def found(kept: pl.DataFrame) -> dict[str, list[str]]:
    """The texts of the passages that each query leads to, by the query's file and text."""
    texts = dict(kept.filter(pl.col("passage")).select("id", "text").iter_rows())
    return {
        f"{file}: {text}": [texts[item["passage_id"]] for item in relevant]
        for file, text, relevant in kept.filter(~pl.col("passage"))
        .select("file", "text", "relevant")
        .iter_rows()
    }


def test_queries_and_passages_may_be_numbered_alike_in_one_file() -> None:
    rows = [("a", item(str(number))) for number in range(3) for item in (passage, lambda n: query(n, n))]
    kept, bad = checked(rows)
    assert bad == {} and kept["id"].n_unique() == 6
    assert found(kept) == {f"a: 질문 {number}": [f"글 {number}"] for number in range(3)}


def test_a_reference_means_the_passage_of_its_own_file_else_the_only_one() -> None:
    rows = [
        ("a", passage("0", "갑")),
        ("b", passage("0", "을")),
        ("b", passage("7", "병")),
        ("a", query("0", "0", "7")),
        ("b", query("0", "0")),
        ("c", query("1", "7")),
        ("c", query("2", "0")),
        ("c", query("3", "9")),
    ]
    kept, bad = checked(rows)
    assert found(kept) == {"a: 질문 0": ["갑", "병"], "b: 질문 0": ["을"], "c: 질문 1": ["병"]}
    assert bad == {
        f"relevant.passage_id: {AMBIGUOUS}": 1,
        "relevant: names a passage that is not there": 1,
    }


def test_an_id_that_stands_twice_in_one_file_and_kind_is_not_unique() -> None:
    rows = [("a", passage("0")), ("a", passage("0")), ("b", passage("0")), ("a", query("0", "0"))]
    kept, bad = checked(rows)
    assert bad == {"id: not unique": 1} and kept.height == 3


place = st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["0", "1", "2"]))


@given(
    st.lists(place, unique=True, min_size=1),
    st.lists(st.tuples(place, st.sampled_from("012")), unique_by=lambda item: item[0], min_size=1),
)
def test_references_lead_to_the_meant_passage_or_nowhere(
    passages: list[tuple[str, str]], queries: list[tuple[tuple[str, str], str]]
) -> None:
    rows = [(file, passage(name, f"{file}/{name}")) for file, name in passages]
    rows += [(file, query(name, wanted)) for (file, name), wanted in queries]
    made = retrieval(rows).with_columns(
        passage=pl.Series([row["passage"] for _, row in rows]),
        relevant=pl.Series([row.get("relevant") for _, row in rows]),
    )
    settled = qualified(made, "passage")
    settled, ambiguous = followed(settled, made["id"], "passage", "relevant.passage_id")
    texts = {name: row["text"] for name, (_, row) in zip(settled["id"], rows, strict=True) if row["passage"]}
    unclear = {row for row, _ in ambiguous}
    for row in range(len(passages), len(rows)):
        (file, _), wanted = queries[row - len(passages)]
        able = [f"{file}/{wanted}"] if (file, wanted) in passages else []
        able = able or [f"{other}/{name}" for other, name in passages if name == wanted]
        assert (row in unclear) == (len(able) > 1)
        if len(able) == 1:
            assert texts[settled["relevant"][row][0]["passage_id"]] == able[0]
