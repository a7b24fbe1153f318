"""Which passages are relevant, and which are no negatives."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from models.data import schemas as checked
from models.downstream.retrieval import Retrieval
from models.downstream.retrieval.relevance import FORM, NONE, PASSAGE, UNKNOWN
from models.errors import DataError
from tests.support.retrieval_rows import SCHEMA, frame


def quarantined(rows: pl.DataFrame) -> dict[str, tuple[str, str]]:
    """Id -> field and reason of the rows that the schema turns away."""
    sourced = rows.with_columns(
        file=pl.lit("rows.jsonl"), line=pl.int_range(pl.len()), part=pl.lit(""), group=pl.lit("")
    )
    kept, bad = checked.check(sourced, Retrieval().schema())
    assert kept.height + bad.height == rows.height
    return {name: (field, reason) for name, field, reason in bad.select("id", "field", "reason").iter_rows()}


def test_rows_that_cannot_be_used_are_named_with_the_reason() -> None:
    item = {"passage_id": "p1", "grade": 1}
    wrong: dict[str, tuple[list[Any] | None, str]] = {
        "null": (None, NONE),
        "empty": ([], NONE),
        "grade 0": ([item | {"grade": 0}], NONE),
        "below 0": ([item, {"passage_id": "p2", "grade": -1}], FORM),
        "no grade": ([item | {"grade": None}], FORM),
        "no id": ([item | {"passage_id": None}], FORM),
        "nothing": ([None], FORM),
        "twice": ([item, item], FORM),
        "not there": ([item, {"passage_id": "p3", "grade": 0}], UNKNOWN),
        "a query": ([{"passage_id": "good", "grade": 1}], UNKNOWN),
        "blank": ([{"passage_id": "void", "grade": 1}], UNKNOWN),
    }
    rows = frame({"good": ("가", {"p1": 2, "p2": 0})}, {"p1": "나", "p2": "다", "void": " \t"})
    rows = pl.concat(
        [
            rows,
            pl.DataFrame(
                [(name, "가", False, relevant) for name, (relevant, _) in wrong.items()],
                schema=SCHEMA,
                orient="row",
            ),
            pl.DataFrame([("passage", "라", True, [item])], schema=SCHEMA, orient="row"),
        ]
    )
    expected = {name: ("relevant", reason) for name, (_, reason) in wrong.items()}
    assert quarantined(rows) == expected | {"passage": ("relevant", PASSAGE), "void": ("text", "empty")}


def test_passages_need_no_relevance_and_may_have_an_empty_one() -> None:
    rows = frame({"q": ("가", {"p1": 1})}, {"p1": "나"})
    empty = pl.DataFrame([("p2", "다", True, [])], schema=SCHEMA, orient="row")
    assert quarantined(pl.concat([rows, empty])) == {}


def test_a_query_without_its_passages_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = frame({"q1": ("가", {"p1": 1})}, {"p2": "나"})
    with pytest.raises(DataError, match="query q1: none of its relevant passages"):
        Retrieval().encode(tokenizer, rows, labelled=True)
    assert len(Retrieval().encode(tokenizer, rows, labelled=False)) == 2


def test_the_positive_is_the_passage_of_the_highest_grade_and_of_these_the_first_by_id(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    passages = {"c": "다", "b": "나", "a": "가", "d": "라"}
    rows = frame({"q": ("마", {"d": 1, "c": 2, "b": 2, "a": 0})}, passages)
    query, *others = Retrieval().encode(tokenizer, rows, labelled=True)
    found = dict(zip(passages, (feature.input_ids for feature in others), strict=True))
    assert query.positive.input_ids == found["b"]
    assert [feature.pool for feature in (query, *others)] == [False, True, True, True, True]


def same(tokenizer: PreTrainedTokenizerFast, rows: pl.DataFrame) -> list[list[bool]]:
    """Which positives are no negatives of which queries."""
    downstream = Retrieval()
    return downstream.collate(downstream.encode(tokenizer, rows, labelled=True), tokenizer)["same"].tolist()


@pytest.mark.parametrize(
    ("second", "passages", "expected"),
    [
        (("나", {"p2": 1}), {}, (False, False)),
        (("나", {"p1": 1}), {}, (True, True)),  # the same passage
        (("나", {"p3": 1}), {"p3": "ＡＢ  물 "}, (True, True)),  # another passage with the same content
        (("나", {"p4": 2}), {}, (True, False)),  # relevant to the first too, with a lower grade
        (("나", {"p5": 2}), {}, (False, False)),  # judged, and found to be of no use to the first
        (("나", {"p2": 2, "p1": 1}), {}, (False, True)),  # the first's passage is relevant to the second
        (("하늘은?", {"p2": 1}), {}, (True, True)),  # the same question with another answer
        (("  하늘은? ", {"p2": 1}), {}, (True, True)),
        (("나", {"p6": 1}), {"p6": "하늘은?"}, (True, False)),  # a passage that is the first question itself
    ],
)
def test_no_two_texts_with_the_same_content_are_negatives_of_each_other(
    tokenizer: PreTrainedTokenizerFast,
    second: tuple[str, dict[str, int]],
    passages: dict[str, str],
    expected: tuple[bool, bool],
) -> None:
    known = {"p1": "ab 물", "p2": "불", "p4": "흙", "p5": "길"} | passages
    rows = frame({"q1": ("하늘은?", {"p1": 2, "p4": 1, "p5": 0}), "q2": second}, known)
    assert same(tokenizer, rows) == [[False, expected[0]], [expected[1], False]]


def test_what_answers_a_question_once_is_no_negative_of_it_when_it_is_asked_again(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    """The first two ask the same; the third's passage answers the second."""
    rows = frame(
        {"q1": ("Ａ?", {"p1": 1}), "q2": ("a?", {"p2": 2, "p3": 1}), "q3": ("나?", {"p3": 1})},
        {"p1": "가", "p2": "나", "p3": "다"},
    )
    assert same(tokenizer, rows) == [[False, True, True], [True, False, True], [False, False, False]]


PASSAGES = ["가", "나", " 가", "Ａ", "a", "나 ", "다"]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["가?", "가 ?", "A", "나"]),
            st.dictionaries(st.integers(0, 6), st.integers(0, 2), min_size=1).filter(
                lambda item: any(item.values())
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_negatives_are_as_an_independent_reading_of_the_rule_has_them(
    queries: list[tuple[str, dict[int, int]]],
) -> None:
    texts = [text.strip().replace("Ａ", "a").lower() for text in PASSAGES]
    asked = [text.lower() for text, _ in queries]
    positives = [texts[min(item, key=lambda at: (-item[at], at))] for _, item in queries]

    def right(one: int) -> set[str]:
        alike = [item for text, (_, item) in zip(asked, queries, strict=True) if text == asked[one]]
        return {texts[at] for item in alike for at, grade in item.items() if grade > 0} | {asked[one]}

    count = range(len(queries))
    expected = [[one != two and positives[two] in right(one) for two in count] for one in count]
    rows = frame(
        {
            f"q{at}": (text, {f"p{n}": grade for n, grade in item.items()})
            for at, (text, item) in enumerate(queries)
        },
        {f"p{number}": text for number, text in enumerate(PASSAGES)},
    )
    assert same(_ANY, rows) == expected


class _Letters:
    """A tokenizer that is quick to make: a number for each letter."""

    pad_token_id = 0

    def __call__(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        return {"input_ids": [[1 + ord(letter) % 50 for letter in text] for text in texts]}


_ANY: Any = _Letters()
