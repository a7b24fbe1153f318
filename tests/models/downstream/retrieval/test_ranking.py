"""Rankings of passages and what they are worth."""

import json
from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest

from models.downstream.retrieval import Retrieval
from models.downstream.retrieval.ranking import KEPT, TOP, order, rank, worth
from models.errors import DataError
from tests.support.retrieval_rows import frame


def scored(scores: Mapping[str, float], **relevant: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of one query and its passages, and their ranking by given scores."""
    rows = frame({"q": ("무엇?", relevant)}, {name: f"글 {name}" for name in scores})
    return rows, rank(rows, [np.array(list(scores.values()))])


def test_passages_of_equal_score_rank_by_id() -> None:
    _, found = scored({"b": 0.5, "d": 0.5 + 1e-9, "a": 0.1, "c": 0.5 - 1e-9, "e": 0.9}, a=1)
    assert order(found.row(0, named=True)) == ["e", "b", "c", "d", "a"]
    best = found["ranking"][0].to_list()[0]
    assert best == {"passage_id": "e", "score": 0.9, "text": "글 e"}


def test_without_passages_there_is_nothing_to_rank() -> None:
    with pytest.raises(DataError, match="no passages to rank"):
        rank(frame({"q": ("가", {})}, {}), [np.array([])])


def test_a_ranking_shows_ten_passages_and_keeps_a_hundred() -> None:
    _, found = scored({f"p{number:03}": -number for number in range(150)}, p000=1)
    prediction = found.row(0, named=True)
    assert len(prediction["ranking"]) == TOP
    assert order(prediction) == [f"p{number:03}" for number in range(KEPT)]


@pytest.mark.parametrize(
    ("relevant", "expected"),
    [
        ({"a": 1}, (1, 1, 1, 1)),
        ({"b": 1}, (1 / 2, 1 / np.log2(3), 0, 1)),
        ({"j": 1}, (1 / 10, 1 / np.log2(11), 0, 1)),
        ({"k": 1}, (0, 0, 0, 0)),
        ({"a": 1, "k": 1}, (1, 1 / (1 + 1 / np.log2(3)), 1 / 2, 1 / 2)),
        ({"a": 1, "b": 2}, (1, (1 + 2 / np.log2(3)) / (2 + 1 / np.log2(3)), 1 / 2, 1)),
        ({}, (0, 0, 0, 0)),
    ],
)
def test_worth_of_a_ranking(relevant: dict[str, int], expected: tuple[float, ...]) -> None:
    assert worth("abcdefghijk", relevant) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_metrics_equal_those_of_an_independent_library_on_rankings_with_ties(seed: int) -> None:
    measures = pytest.importorskip("ir_measures")
    generator = np.random.default_rng(seed)
    names = [f"p{number}" for number in range(40)]  # "p10" is before "p2"
    queries, scores = {}, []
    for number in range(80):
        judged = generator.choice(names, size=generator.integers(1, 25), replace=False)
        grades = dict(zip(judged.tolist(), generator.integers(0, 4, size=len(judged)).tolist(), strict=True))
        queries[f"q{number}"] = (f"물음 {number}?", grades | {names[number % 40]: 1})
        scores.append(generator.integers(0, 6, size=len(names)) / 8)
    rows = frame(queries, {name: f"글 {name}" for name in names})
    downstream = Retrieval()
    mine = downstream.evaluate(rows, rank(rows, scores))

    qrels = {name: grades for name, (_, grades) in queries.items()}
    run = {}  # the library breaks ties in its own way, so it is given none
    for name, values in zip(queries, scores, strict=True):
        ranked = sorted(zip(names, values, strict=True), key=lambda pair: (-pair[1], pair[0]))
        run[name] = {passage: float(len(names) - at) for at, (passage, _) in enumerate(ranked)}
    theirs = {
        "mrr_at_10": measures.RR @ 10,
        "ndcg_at_10": measures.nDCG @ 10,
        "recall_at_1": measures.R @ 1,
        "recall_at_10": measures.R @ 10,
    }
    found = measures.calc_aggregate(list(theirs.values()), qrels, run)
    assert mine == pytest.approx({name: found[measure] for name, measure in theirs.items()}, abs=1e-12)


def test_the_worst_are_the_queries_whose_passage_lies_lowest() -> None:
    names = [f"p{number:03}" for number in range(150)]
    rows = frame(
        {
            "right": ("하나?", {"p000": 1}),
            "third": ("둘?", {"p002": 1, "p090": 2}),
            "beyond": ("셋?", {"p120": 1}),
            "last": ("넷?", {"p099": 1}),
        },
        {name: f"{name} " + "글" * 300 for name in names},
    ).with_columns(file=pl.lit("rows.jsonl"), line=pl.int_range(pl.len()))
    found = rank(rows, [np.arange(150, 0, -1.0)] * 4)
    worst = json.loads(json.dumps(Retrieval().details(rows, found)))["worst"]
    assert [(item["id"], item["rank"]) for item in worst] == [
        ("beyond", f"over {KEPT}"),
        ("last", 100),
        ("third", 3),
    ]
    assert list(worst[0]) == ["id", "file", "line", "query", "rank", "gold", "found"]
    assert worst[0]["query"] == "셋?"
    assert worst[0]["gold"].startswith("p120 글") and len(worst[0]["gold"]) == 200
    assert worst[0]["found"].startswith("p000 글")
    queries = rows.filter(~pl.col("passage"))
    assert Retrieval().details(queries, found)["worst"][0]["gold"] == "p120"
