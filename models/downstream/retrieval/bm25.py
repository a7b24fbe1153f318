"""BM25 over words or over neighbouring characters: the baseline of retrieval."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

from models.data.comparison import normalised
from models.downstream.retrieval.ranking import rank
from models.late import np, pl

Unit = Literal["words", "characters"]
"""What query and passage have in common: words, or neighbouring characters, two and three."""

_WORD = re.compile(r"\w+")


class Bm25:
    """Robertson & Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), with Lucene's idf.

    It has nothing to learn from queries: the passages among the rows are all it knows.

    Args:
        unit: what it counts.
        k1: how soon more of the same term counts no more.
        b: how much a passage's length counts, 0 to 1.
    """

    def __init__(self, unit: Unit = "characters", k1: float = 1.5, b: float = 0.75) -> None:
        self.setting: dict[str, Any] = {"unit": unit, "k1": k1, "b": b}

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """A ranking of all passages for each query, as `ranking.rank` has it."""
        return rank(rows, self.scores(rows))

    def scores(self, rows: pl.DataFrame) -> Iterator[np.ndarray]:
        """How well each passage (passages,) among the rows fits, query by query."""
        queries, passages = (
            rows.filter(pl.col("passage") == side).select(normalised("text")).to_series().to_list()
            for side in (False, True)
        )
        numbers, index = _indexed(tuple(passages), **self.setting)
        for text in queries:
            asked = [numbers[term] for term in terms(text, self.setting["unit"]) if term in numbers]
            yield index.get_scores_from_ids(asked) if asked else np.zeros(len(passages))

    def save(self, folder: Path) -> None:
        """Write `bm25.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bm25.json").write_text(json.dumps(self.setting), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        return cls(**json.loads((folder / "bm25.json").read_text(encoding="utf-8")))


@lru_cache(maxsize=2)  # a model that is served is asked of the same passages again and again
def _indexed(passages: tuple[str, ...], unit: str, k1: float, b: float) -> tuple[dict[str, int], Any]:
    """A number for each term of the passages, and what bm25s knows of them."""
    import bm25s

    numbers: dict[str, int] = {}
    ids = [[numbers.setdefault(term, len(numbers)) for term in terms(text, unit)] for text in passages]
    index = bm25s.BM25(k1=k1, b=b, dtype="float64")
    if numbers:
        index.index((ids, numbers), create_empty_token=False, show_progress=False)
    return numbers, index


def terms(text: str, unit: str) -> list[str]:
    """The words of a text, or all runs of two and of three characters in it, over the spaces between words too."""
    if unit == "words":
        return _WORD.findall(text)
    return [text[at : at + size] for size in (2, 3) for at in range(len(text) - size + 1)]
