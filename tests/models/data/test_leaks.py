"""Held-out rows are found in a corpus exactly: equal, or inside a longer document."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.data.cleaning import CleanConfig
from models.data.leaks import RUN, SHORTEST, find_leaks

LONG = "이 영화는 처음부터 끝까지 정말 재미있었다"


def rows(*texts: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"id": [f"t{index}" for index in range(len(texts))], "text": texts, "part": ["test"] * len(texts)},
        schema={"id": pl.String, "text": pl.String, "part": pl.String},
    )


def corpus(*texts: str) -> pl.DataFrame:
    lines = list(range(1, len(texts) + 1))
    columns = {"id": [f"c{line}" for line in lines], "file": ["f"] * len(texts), "line": lines, "text": texts}
    kinds = {"id": pl.String, "file": pl.String, "line": pl.Int64, "text": pl.String}
    return pl.DataFrame(columns, schema=kinds)


def test_equal_and_contained_rows_are_named_with_file_and_line() -> None:
    documents = corpus("상관없는 글", LONG.upper() + " ", f"어제 썼듯이, {LONG}. 그렇다.")
    assert find_leaks(rows(LONG), [documents]).rows() == [
        ("t0", "test", "c2", "f", 2, "equal"),
        ("t0", "test", "c3", "f", 3, "contained"),
    ]


def test_a_short_row_counts_only_when_it_is_the_whole_document() -> None:
    found = find_leaks(
        rows("재미있다"), [corpus("재미있다", "정말 재미있다고 모두가 입을 모아 말했다 그렇다")]
    )
    assert found["kind"].to_list() == ["equal"]


def test_overlapping_rows_are_all_found() -> None:
    first, second = LONG, LONG[5:] + " 다시 보고 싶다"
    found = find_leaks(rows(first, second), [corpus(LONG + " 다시 보고 싶다 그리고")])
    assert found["row_id"].to_list() == ["t0", "t1"]


def test_both_texts_of_a_pair_are_looked_for() -> None:
    pairs = rows("가").rename({"text": "text_a"}).with_columns(text_b=pl.lit(LONG))
    assert find_leaks(pairs, [corpus("나"), corpus(LONG)]).select("corpus_id", "kind").rows() == [
        ("c1", "equal")
    ]


def test_a_text_that_is_partly_in_a_document_is_found_by_its_words() -> None:
    words = [f"낱말{number}" for number in range(40)]
    document, short = " ".join(words[20 : 20 + RUN]), " ".join(words[20 : 19 + RUN])
    found = find_leaks(
        rows(" ".join(words)), [corpus(document + " 끝", short + " 끝", document.replace(" ", ""))]
    )
    assert found.select("corpus_id", "kind").rows() == [("c1", "partial")]


def test_a_row_is_looked_for_as_it_would_stand_in_the_cleaned_corpus() -> None:
    raw, cleaned = "전화는 010-1234-5678 &lt;정말로&gt; 좋았다", "전화는 [전화] <정말로> 좋았다"
    assert find_leaks(rows(raw), [corpus(cleaned)]).is_empty()
    assert find_leaks(rows(raw), [corpus(cleaned)], CleanConfig())["kind"].to_list() == ["equal"]


def shared_run(text: str, document: str) -> bool:
    """Whether `RUN` words in a row stand in both."""
    first, second = text.split(), f" {document} "
    runs = (first[start : start + RUN] for start in range(len(first) - RUN + 1))
    return any(f" {' '.join(run)} " in second for run in runs)


@given(
    st.lists(st.text("가나 ", min_size=1, max_size=60), max_size=6),
    st.lists(st.text("가나 ", max_size=60), max_size=6),
)
def test_the_same_pairs_as_looking_one_by_one(texts: list[str], documents: list[str]) -> None:
    def fold(text: str) -> str:
        return " ".join(text.split())

    expected = set()
    for index, text in enumerate(map(fold, texts)):
        for number, document in enumerate(map(fold, documents), start=1):
            if text and text == document:
                expected.add((f"t{index}", f"c{number}", "equal"))
            elif len(text) >= SHORTEST and text in document:
                expected.add((f"t{index}", f"c{number}", "contained"))
            elif shared_run(text, document):
                expected.add((f"t{index}", f"c{number}", "partial"))
    found = find_leaks(rows(*texts), corpus(*documents).iter_slices(2))
    assert set(found.select("row_id", "corpus_id", "kind").rows()) == expected and found.height == len(
        expected
    )
