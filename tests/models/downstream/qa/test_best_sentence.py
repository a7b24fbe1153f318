"""The baseline of question answering."""

import json
from itertools import pairwise
from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.downstream.qa import QuestionAnswering
from models.downstream.qa.best_sentence import sentences


@given(st.text(st.sampled_from("가나 .!?\n\t3"), max_size=40))
def test_sentences_hold_all_that_is_written_in_order(text: str) -> None:
    found = list(sentences(text))
    assert "".join("".join(text[start:end].split()) for start, end in found) == "".join(text.split())
    assert all(text[start:end].strip() and "\n" not in text[start:end].strip() for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))


def test_sentences_end_before_white_space_only() -> None:
    text = "값은 3.5이다. 정말? 그렇다!\n끝"
    assert [text[start:end] for start, end in sentences(text)] == ["값은 3.5이다.", "정말?", "그렇다!", "끝"]


def test_sentences_end_in_any_width_and_without_white_space_where_none_is_written() -> None:
    for text in ("가． 나？ 다", "가。나。다"):
        assert len(list(sentences(text))) == 3


def test_the_baseline_shortens_its_answer_where_validation_rows_have_short_ones(tmp_path: Path) -> None:
    downstream = QuestionAnswering()
    whole = downstream.examples()
    # The rarest word that the question lacks: the places and things that the examples tell of only once.
    words = ["언덕", "다리", "사과를", "북을", "벚꽃이", "눈이", "창가에서", "저녁에"]
    short = whole.with_columns(
        answers=pl.Series(
            [
                [{"start": text.index(word), "text": word}]
                for text, word in zip(whole["context"], words, strict=True)
            ],
            dtype=whole["answers"].dtype,
        )
    )
    assert downstream.fit_baseline(whole, whole, seed=1).setting["words"] == 0
    baseline = downstream.fit_baseline(short, short, seed=1)
    assert baseline.setting["words"] == 1
    baseline.save(tmp_path)
    assert json.loads((tmp_path / "sentences.json").read_text())["words"] == 1
    found = downstream.load_baseline(tmp_path).predict(short)
    assert found.equals(baseline.predict(short))
    for context, (_, answer, start, end, _) in zip(short["context"], found.iter_rows(), strict=True):
        assert context[start:end] == answer and " " not in answer
