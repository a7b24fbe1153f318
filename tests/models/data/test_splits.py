"""Published parts stay, missing ones are drawn by seed, and nothing hides in two parts."""

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.duplicates import hashed
from models.data.gathering import Held
from models.data.splits import assign, duplicates, held_out
from models.errors import DataError


def rows(parts: list[str], groups: list[str] | None = None, texts: list[str] | None = None) -> pl.DataFrame:
    ids = [f"r{number}" for number in range(len(parts))]
    return pl.DataFrame(
        {
            "id": ids,
            "text": texts or ids,
            "label": ["0"] * len(ids),
            "part": parts,
            "group": groups or [""] * len(ids),
        }
    ).with_columns(file=pl.lit("f"), line=pl.lit(1))


def counts(frame: pl.DataFrame) -> dict[str, int]:
    return dict(frame["part"].value_counts().iter_rows())


def test_published_parts_are_kept() -> None:
    parts = ["train", "validation", "test", "train"]
    assert assign(rows(parts), seed=1)["part"].to_list() == parts


def test_without_test_the_validation_part_is_the_test_and_a_tenth_of_train_validates() -> None:
    made = counts(assign(rows(["train"] * 2000 + ["validation"] * 50), seed=1))
    assert made["test"] == 50 and 140 < made["validation"] < 260


def test_without_validation_a_tenth_of_train_validates() -> None:
    made = counts(assign(rows([""] * 2000 + ["test"] * 50), seed=1))
    assert made["test"] == 50 and 140 < made["validation"] < 260


@pytest.mark.parametrize("part", ["", "validation", "test"])
def test_a_single_part_is_drawn_80_10_10(part: str) -> None:
    made = counts(assign(rows([part] * 3000), seed=1))
    assert 2300 < made["train"] < 2500 and 230 < made["validation"] < 370 and 230 < made["test"] < 370


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(DataError, match="parts test, validation"):
        assign(rows(["validation", "test"]), seed=1)


@given(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=60), st.integers(0, 5), st.randoms())
def test_draws_keep_groups_together_whatever_the_order(
    groups: list[str], seed: int, shuffle: random.Random
) -> None:
    frame = rows([""] * len(groups), groups)
    made = assign(frame, seed)
    assert made.group_by("group").agg(pl.col("part").n_unique())["part"].max() == 1
    order = list(range(len(groups)))
    shuffle.shuffle(order)
    assert assign(frame[order], seed).sort("id").equals(made.sort("id"))


def test_another_seed_draws_other_rows() -> None:
    frame = rows([""] * 300)
    assert not assign(frame, 1).equals(assign(frame, 2)) and assign(frame, 1).equals(assign(frame, 1))


def hashes(texts: list[str]) -> np.ndarray:
    return np.array([hashed(text) for text in texts], dtype=np.uint64)


def test_a_corpus_holds_out_a_share_with_equal_texts_together() -> None:
    made = held_out(hashes([f"글 {number % 1500}" for number in range(3000)]), seed=1, share=0.05)
    assert 90 < made.sum() < 220
    assert (made[:1500] == made[1500:]).all()


@given(
    st.lists(st.sampled_from("가나다라"), min_size=1, max_size=6), st.integers(0, 99), st.floats(0.01, 0.49)
)
def test_a_small_corpus_has_both_parts_or_is_refused(texts: list[str], seed: int, share: float) -> None:
    drawn = hashes(texts)
    if len(set(texts)) == 1:
        with pytest.raises(DataError, match=r"the corpus is one text.*'by_line: true'"):
            Held(seed, share, [drawn])
    else:
        assert set(Held(seed, share, [drawn[:1], drawn[1:]]).among(drawn)) == {True, False}


def test_twins_are_found_whatever_their_unicode_form_case_and_spaces() -> None:
    texts = ["Ｇood 영화", "good  영화 ", "다른 글", "다른 글", "혼자"]
    made = duplicates(rows(["train", "test", "train", "validation", "test"], texts=texts))
    assert set(made.rows()) == {("r0", "train", "r1", "test"), ("r2", "train", "r3", "validation")}


def test_rows_of_two_texts_are_twins_only_when_both_are_equal() -> None:
    frame = rows(["train", "test", "test"], texts=["가", "가", "가"]).with_columns(
        other=pl.Series(["x", "X", "y"])
    )
    assert duplicates(frame).rows() == [("r0", "train", "r1", "test")]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["train", "validation", "test"])), max_size=25)
)
def test_every_row_with_a_twin_in_another_part_is_named_and_no_other(items: list[tuple[str, str]]) -> None:
    frame = rows([part for _, part in items], texts=[text for text, _ in items])
    found = duplicates(frame)
    expected = {
        f"r{index}"
        for index, (text, part) in enumerate(items)
        if any(t == text and p != part for t, p in items)
    }
    assert set(found["id_a"]) | set(found["id_b"]) == expected
    text_of, part_of = dict(frame.select("id", "text").rows()), dict(frame.select("id", "part").rows())
    assert all(text_of[a] == text_of[b] and (part_of[a], part_of[b]) == (x, y) for a, x, b, y in found.rows())
    assert found.height <= 4 * max(len(items), 1)
