"""How free text is scored."""

import math
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from models.bootstrap import intervals
from models.downstream.generation import Generation
from tests.support.generation_rows import asked


def predicted(rows: pl.DataFrame, texts: list[str]) -> pl.DataFrame:
    empty = [None] * len(texts)
    return pl.DataFrame(
        {"id": rows["id"], "text": texts, "nats": empty, "tokens": empty},
        schema={"id": pl.String, "text": pl.String, "nats": pl.Float64, "tokens": pl.Int64},
    )


TEXTS = st.lists(
    st.text("가나다 ab.", max_size=12).map(str.strip), min_size=2, max_size=8
)  # also empty answers


BOTH = TEXTS.flatmap(
    lambda texts: st.tuples(
        st.just(texts),
        st.lists(
            st.text("가나다 ab.", min_size=1, max_size=12).filter(str.strip),
            min_size=len(texts),
            max_size=len(texts),
        ),
    )
)


@given(BOTH)
def test_chrf_and_bleu_are_a_hundredth_of_sacrebleu_s(both: tuple[list[str], list[str]]) -> None:
    texts, targets = both
    rows = asked(targets)
    scores = Generation().evaluate(rows, predicted(rows, texts)[::-1])
    assert scores["chrf"] == pytest.approx(CHRF().corpus_score(texts, [targets]).score / 100)
    reference = BLEU(tokenize="char", force=True).corpus_score(texts, [targets]).score / 100
    assert scores["bleu"] == pytest.approx(reference)
    assert "perplexity" not in scores


def test_a_resample_scores_as_its_rows_do() -> None:
    texts, targets = ["가나다라", "나다", "마바 사아", ""], ["가나다마", "나다라", "마바 사자", "차"]
    rows, drawn = asked(targets), [0, 0, 2, 3]
    statistics = Generation().statistics(rows, predicted(rows, texts))
    scores = Generation().metrics(statistics[drawn].sum(axis=0))
    again, gold_again = [texts[at] for at in drawn], [[targets[at] for at in drawn]]
    assert scores["chrf"] == pytest.approx(CHRF().corpus_score(again, gold_again).score / 100)
    reference = BLEU(tokenize="char").corpus_score(again, gold_again).score / 100
    assert scores["bleu"] == pytest.approx(reference)


@given(TEXTS)
def test_distinct_is_distinct_ngrams_among_all(texts: list[str]) -> None:
    rows = asked(["가"] * len(texts))
    scores = Generation().evaluate(rows, predicted(rows, texts))
    for size in (1, 2):
        split = [text.split() for text in texts]
        grams = [tuple(words[at : at + size]) for words in split for at in range(len(words) - size + 1)]
        expected = len(set(grams)) / len(grams) if grams else 0.0
        assert scores[f"distinct_{size}"] == pytest.approx(expected)


def test_perplexity_is_of_all_tokens_together() -> None:
    rows = asked(["가", "나"])
    known = predicted(rows, ["가", "나"]).with_columns(
        nats=pl.Series([2.0, 4.0]), tokens=pl.Series([1, 5], dtype=pl.Int64)
    )
    assert Generation().evaluate(rows, known)["perplexity"] == pytest.approx(math.e)
    hopeless = known.with_columns(nats=pl.lit(1e9))
    assert math.isfinite(Generation().evaluate(rows, hopeless)["perplexity"])


@pytest.mark.filterwarnings("error")
def test_a_thousand_resamples_are_quick_and_silent() -> None:
    targets = [f"답은 {number} 입니다" for number in range(200)]
    rows = asked(targets)
    statistics = Generation().statistics(rows, predicted(rows, [*targets[1:], ""]))
    start = time.process_time()
    found = intervals(statistics, Generation().metrics, resamples=1000, seed=1)
    assert time.process_time() - start < 2  # about a tenth of it alone on a machine
    assert all(item["low"] <= item["value"] <= item["high"] for item in (found["chrf"], found["bleu"]))
    assert all(math.isfinite(value) for value in Generation().metrics(np.zeros((3, 34)))["chrf"])


def test_details_show_the_worst_and_how_it_was_computed() -> None:
    rows = asked(["가나다", "라마바", "사아자"]).with_columns(file=pl.lit("a.csv"), line=pl.Series([2, 3, 4]))
    details = Generation().details(rows, predicted(rows, ["가나다", "차카타", "사아차"]))
    assert [item["id"] for item in details["worst"]] == ["row-1", "row-2"]
    assert details["worst"][0] == {
        "id": "row-1",
        "file": "a.csv",
        "line": 3,
        "prompt": "row-1",
        "gold": "라마바",
        "predicted": "차카타",
        "chrf": 0.0,
    }
    assert "tok:char" in details["signatures"]["bleu"]
    assert all("nrefs:1|" in item and "version:2.6.0" in item for item in details["signatures"].values())
