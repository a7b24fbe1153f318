"""TF-IDF of two texts and how far they overlap, with a linear model: the baseline for pairs of texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge

from models.data.comparison import normal_form
from models.targets.classes import Classes
from models.targets.target import Target
from models.targets.tfidf import COSTS, TfidfModel, class_weights, vectorizer


class PairModel(TfidfModel):
    """One output a class, or one for a scale, from what `_features` makes of two texts."""

    def outputs(self, first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        """(pairs, outputs): unnormalised log-probabilities of classes, or one number in units of the scale."""
        return _features(self.vectorizer, first, second) @ self.weights + self.intercepts


def fit(
    first: Sequence[str], second: Sequence[str], gold: pl.Series, target: Target
) -> list[tuple[float, PairModel]]:
    """One fitted model for each of `COSTS`, inverse strengths of regularisation."""
    fresh = vectorizer(min_df=2 if len(first) >= 2500 else 1)
    fresh.fit([*first, *second])
    terms, features = fresh.get_feature_names_out().tolist(), _features(fresh, first, second)
    return [(cost, PairModel(terms, fresh.idf_, *_linear(features, gold, target, cost))) for cost in COSTS]


def _linear(
    features: sparse.csr_matrix, gold: pl.Series, target: Target, cost: float
) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(target, Classes):
        fitted = LogisticRegression(C=cost, max_iter=300).fit(features, target.numbers(gold))
        return class_weights(fitted, len(target.names))
    ridge = Ridge(alpha=1 / cost, solver="lsqr").fit(features, target.labels(gold))
    return ridge.coef_[:, None], np.array([ridge.intercept_])


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
