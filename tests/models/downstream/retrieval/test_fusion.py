"""BM25 and a model together."""

import numpy as np
import polars as pl
import pytest

from models.downstream.retrieval import Retrieval
from models.downstream.retrieval.fusion import Fusion
from models.downstream.retrieval.relevance import Text
from tests.support.retrieval_rows import frame

WRITTEN, MEANT = "written", "meant"
"""Queries that have words in common with their passage, and ones whose vector is that of their passage."""


def world(kinds: list[str], seed: int) -> tuple[pl.DataFrame, list[Text], list[np.ndarray]]:
    """Rows with a query of each kind, and the vectors of a model that knows nothing of the written ones."""
    generator = np.random.default_rng(seed)
    words = ["".join(generator.choice(list("abcdefghijklmnop"), size=9)) for _ in kinds]
    queries = {
        f"q{at}": (words[at] if kind == WRITTEN else "12345 67890", {f"p{at}": 1})
        for at, kind in enumerate(kinds)
    }
    rows = frame(queries, {f"p{at}": f"{word} {word[::-1]} 67" for at, word in enumerate(words)})
    passages = generator.normal(size=(len(kinds), 64))
    asked = [
        passages[at] + generator.normal(size=64) if kind == MEANT else generator.normal(size=64)
        for at, kind in enumerate(kinds)
    ]
    vectors = [vector / np.linalg.norm(vector) for vector in (*asked, *passages)]
    return rows, [Text(row=row, input_ids=[]) for row in range(rows.height)], vectors


def score(downstream: Retrieval, rows: pl.DataFrame, features: list[Text], vectors: list) -> float:
    return downstream.evaluate(rows, downstream.decode(vectors, features, rows))["mrr_at_10"]


def test_where_each_fails_for_half_of_the_queries_the_two_together_win() -> None:
    rows, features, vectors = world([WRITTEN, MEANT] * 20, seed=1)
    fused = Retrieval().fused(vectors, features, rows)
    assert fused.fusion is not None and 0 < fused.fusion.weight < 1
    rows, features, vectors = world([WRITTEN, MEANT] * 20, seed=2)  # others than those it was chosen on
    alone = score(Retrieval(), rows, features, vectors)
    bm25 = Retrieval().fit_baseline(rows, rows, 1)
    lexical = Retrieval().evaluate(rows, bm25.predict(rows))["mrr_at_10"]
    assert score(fused, rows, features, vectors) > max(alone, lexical) + 0.2


@pytest.mark.parametrize(("kind", "least", "most"), [(WRITTEN, 0, 0.5), (MEANT, 0.5, 1)])
def test_the_share_is_that_which_suits_the_queries_it_is_chosen_on(
    kind: str, least: float, most: float
) -> None:
    rows, features, vectors = world([kind] * 60, seed=3)
    vectors = [vector + np.random.default_rng(row).normal(0, 0.2, 64) for row, vector in enumerate(vectors)]
    fusion = Retrieval().fused(vectors, features, rows).fusion
    assert fusion is not None and least <= fusion.weight <= most


def test_alone_either_of_them_ranks_as_it_does_without_the_other() -> None:
    rows, features, vectors = world([WRITTEN, MEANT] * 10, seed=4)

    def ranked(downstream: Retrieval) -> list[str]:
        found = downstream.decode(vectors, features, rows)["ranking"]
        return [ranking[0]["passage_id"] for ranking in found.to_list()]

    setting = Retrieval().fit_baseline(rows, rows, 1).setting
    only = {weight: ranked(Retrieval(fusion=Fusion(weight=weight, **setting))) for weight in (0, 1)}
    assert only[1] == ranked(Retrieval())
    bm25 = Retrieval().fit_baseline(rows, rows, 1).predict(rows)["ranking"].to_list()
    assert only[0] == [ranking[0]["passage_id"] for ranking in bm25]


def test_a_share_that_the_recipe_says_stays() -> None:
    rows, features, vectors = world([WRITTEN] * 8, seed=5)
    said = Retrieval(fusion=Fusion(weight=0.9))
    assert said.fused(vectors, features, rows) == said
