"""Passages in the order in which they answer a query, what such an order is worth, and the worst ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log2
from typing import Any

from models.downstream.retrieval.relevance import grades
from models.errors import DataError
from models.interfaces.features import beside
from models.late import np, pl

TOP = 10
"""Passages of a ranking that are shown, and that metrics look at."""
KEPT = 100
"""Passages of a ranking that are kept, so that one can see how far down a relevant passage lies."""
SHOWN = 200
"""Characters of a passage that the worst errors show."""
WORST = 20
"""Errors shown, the relevant passage that lies lowest first."""
DIGITS = 6
"""Decimals of a score: what differs in no more than the order of a sum is a tie."""


def cosines(vectors: Sequence[np.ndarray], rows: pl.DataFrame) -> Iterator[np.ndarray]:
    """How near each passage (passages,) is to a query, query by query, from a vector (width,) of each row."""
    passages, queries = (
        [vectors[row] for row in (rows["passage"] == side).arg_true()] for side in (True, False)
    )
    candidates = np.array(passages)
    return (candidates @ query for query in queries)


def rank(rows: pl.DataFrame, scores: Iterable[np.ndarray]) -> pl.DataFrame:
    """Predictions frame of the queries among `rows`, in their order.

    Args:
        rows: queries and passages, as `passage` says, in any order.
        scores: of each query, in order: how well each passage (passages,), in order, fits it.

    Returns:
        Columns `id`, `ranking` (the `TOP` best passages, the best first, those of equal score by id) and `after` (ids
        of the passages that follow, up to the first `KEPT`).

    Raises:
        DataError: there are no passages.
    """
    passages = rows.filter("passage")
    if passages.is_empty():
        raise DataError("there are no passages to rank: give rows whose 'passage' is true beside the queries")
    ids, texts = passages["id"].to_list(), passages["text"].to_list()
    by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__))
    ranked = []
    for name, values in zip(rows.filter(~pl.col("passage"))["id"], scores, strict=True):
        rounded = np.round(values, DIGITS)
        best = by_id[np.argsort(-rounded[by_id], kind="stable")][:KEPT].tolist()
        ranking = [
            {"passage_id": ids[at], "score": float(rounded[at]), "text": texts[at]} for at in best[:TOP]
        ]
        ranked.append((name, ranking, [ids[at] for at in best[TOP:]]))
    found = pl.Struct({"passage_id": pl.String, "score": pl.Float64, "text": pl.String})
    schema = {"id": pl.String, "ranking": pl.List(found), "after": pl.List(pl.String)}
    return pl.DataFrame(ranked, schema=schema, orient="row")


def order(prediction: Mapping[str, Any]) -> list[str]:
    """Ids of the passages of a row of predictions, the best first."""
    return [item["passage_id"] for item in prediction["ranking"]] + list(prediction["after"])


def worth(ranked: Sequence[str], relevant: Mapping[str, int]) -> tuple[float, float, float, float]:
    """Reciprocal rank and nDCG of the first 10, and the recall of the first and of the first 10.

    The gain of a passage is its grade, as in `trec_eval` (Järvelin & Kekäläinen, Cumulated gain-based evaluation of IR
    techniques, 2002, with a discount of log2(rank + 1)).

    Args:
        ranked: ids of passages, the best first.
        relevant: grade of each relevant passage; without any all four are 0.
    """
    gains = [relevant.get(name, 0) for name in ranked[:TOP]]
    hits = np.array([gain > 0 for gain in gains])
    first = next((1 / at for at, hit in enumerate(hits, start=1) if hit), 0.0)
    ideal = _discounted(sorted(relevant.values(), reverse=True)[:TOP])
    every = max(1, len(relevant))
    share = _discounted(gains) / ideal if ideal else 0.0
    return first, share, float(hits[:1].sum()) / every, float(hits.sum()) / every


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / log2(at + 1) for at, gain in enumerate(gains, start=1))


def worst(rows: pl.DataFrame, predictions: pl.DataFrame) -> list[dict[str, Any]]:
    """The queries whose best relevant passage lies lowest, with it and what was found instead.

    A relevant passage that is not among `rows` is shown by its id.
    """
    texts = dict(rows.filter("passage").select("id", "text").iter_rows())
    errors = []
    asked = beside(predictions, rows).iter_rows(named=True)
    for row, prediction in zip(asked, predictions.iter_rows(named=True), strict=True):
        relevant = grades(row["relevant"])
        places = {name: at for at, name in enumerate(order(prediction), start=1) if name in relevant}
        best = min(relevant, key=lambda name: (places.get(name, np.inf), -relevant[name], name), default="")
        if places.get(best) != 1:
            top = prediction["ranking"][0]["text"]
            errors.append((places.get(best), row, texts.get(best, best)[:SHOWN], top[:SHOWN]))
    errors.sort(key=lambda item: (-(item[0] or np.inf), item[1]["id"]))
    return [
        {name: row[name] for name in ("id", "file", "line") if name in row}
        | {"query": row["text"], "rank": place or f"over {KEPT}", "gold": gold, "found": top}
        for place, row, gold, top in errors[:WORST]
    ]
