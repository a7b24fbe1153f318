"""TF-IDF of two texts and how far they overlap, with a linear model: the baseline for pairs of texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from models.data.comparison import normal_form
from models.targets.target import Target
from models.targets.tfidf import COSTS, TfidfModel, linear, vectorizer


class PairModel(TfidfModel):
    """One output a class, or one for a scale, from what `_features` makes of two texts."""

    def outputs(self, first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        """(pairs, outputs): unnormalised log-probabilities of classes, or one number in units of the scale."""
        return _features(self.vectorizer, first, second) @ self.weights + self.intercepts


def fit(
    first: Sequence[str],
    second: Sequence[str],
    gold: pl.Series,
    target: Target,
    weights: Mapping[str, float],
) -> list[tuple[float, PairModel]]:
    """One fitted model for each of `COSTS`; `weights` is what a row of each class counts."""
    fresh = vectorizer(min_df=2 if len(first) >= 2500 else 1)
    fresh.fit([*first, *second])
    terms, features = fresh.get_feature_names_out().tolist(), _features(fresh, first, second)
    return [
        (cost, PairModel(terms, fresh.idf_, *linear(features, gold, target, weights, cost))) for cost in COSTS
    ]


def _features(fitted: Any, first: Sequence[str], second: Sequence[str]) -> sparse.csr_matrix:
    """(pairs, 4 terms + 4): TF-IDF of each text, their difference and product, and how far they overlap."""
    a, b = fitted.transform(first), fitted.transform(second)
    common = a.multiply(b)
    forms = zip(map(normal_form, first), map(normal_form, second), strict=True)
    overlap = np.array([_overlap(*pair) for pair in forms]).reshape(-1, 3)
    alike = np.hstack([np.asarray(common.sum(axis=1)).reshape(-1, 1), overlap])
    return sparse.csr_matrix(sparse.hstack([a, b, abs(a - b), common, sparse.csr_matrix(alike)]))


def _overlap(first: str, second: str) -> tuple[float, float, float]:
    """Jaccard overlap of words and of pairs of characters, and how alike the lengths are."""
    words = _jaccard(set(first.split()), set(second.split()))
    pairs = _jaccard(
        {first[i : i + 2] for i in range(len(first))}, {second[i : i + 2] for i in range(len(second))}
    )
    return words, pairs, min(len(first), len(second)) / max(1, len(first), len(second))


def _jaccard(first: set[str], second: set[str]) -> float:
    return len(first & second) / max(1, len(first | second))
