"""BM25 and a model together: what one misses, the other may find.

Both scores are standardised over all passages of a query, and weighed: a convex combination, which does better than
ranks do (Bruch, Gai & Ingber, An Analysis of Fusion Functions for Hybrid Retrieval, 2023).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from models.config import Config
from models.downstream.retrieval.bm25 import Bm25, Unit
from models.late import np, pl

WEIGHTS = sorted((step / 20 for step in range(21)), key=lambda weight: abs(weight - 0.5))
"""Shares of the model that are tried, the most even first: it is taken where others are no better."""


class Fusion(Config):
    """How BM25 has its say beside the model."""

    weight: float = Field(default=0.5, ge=0, le=1, description="Share of the model; the rest is BM25's.")
    unit: Unit = Field(
        default="characters", description="What BM25 counts: words, or pieces of 2 and 3 characters."
    )
    k1: float = Field(default=1.5, ge=0, description="How soon BM25 counts more of the same no more.")
    b: float = Field(default=0.75, ge=0, le=1, description="How much a passage's length counts to BM25.")

    def scores(self, rows: pl.DataFrame, model: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """How well each passage (passages,) fits, query by query, from the model's scores of them."""
        lexical = Bm25(self.unit, self.k1, self.b).scores(rows)
        for near, alike in zip(model, lexical, strict=True):
            yield self.weight * _standardised(near) + (1 - self.weight) * _standardised(alike)


def _standardised(scores: np.ndarray) -> np.ndarray:
    """With mean 0 and spread 1; all 0 where they do not differ."""
    spread = scores.std()
    return (scores - scores.mean()) / spread if spread > 1e-9 else np.zeros_like(scores)
