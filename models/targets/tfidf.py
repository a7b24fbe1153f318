"""TF-IDF over characters with a linear model: the baseline of downstreams that put texts into classes or on a scale.

Character n-grams see inside words, which in Korean is where the endings are: Wang & Manning, Baselines and Bigrams
(ACL 2012), of characters in place of words.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from models.data.comparison import normal_form
from models.targets.classes import Classes
from models.targets.labels import Labels
from models.targets.target import Target

COSTS = (1.0, 3.0, 10.0, 30.0)
"""Inverse strengths of regularisation among which validation chooses."""


NEVER = 20.0
"""Log-odds against what is never to be said."""


class TfidfModel:
    """Weights (features, outputs) and intercepts (outputs,) over sublinear TF-IDF of characters 1 to 4."""

    def __init__(
        self, terms: Sequence[str], idf: np.ndarray, weights: np.ndarray, intercepts: np.ndarray
    ) -> None:
        self.terms, self.idf, self.weights, self.intercepts = list(terms), idf, weights, intercepts
        self.vectorizer = vectorizer(vocabulary={term: column for column, term in enumerate(self.terms)})
        self.vectorizer.idf_ = idf

    def save(self, folder: Path) -> None:
        """Write `tfidf.safetensors` and `terms.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {"idf": self.idf, "weights": self.weights, "intercepts": self.intercepts}
        save_file(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()},
            folder / "tfidf.safetensors",
        )
        (folder / "terms.json").write_text(json.dumps(self.terms, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        terms = json.loads((folder / "terms.json").read_text(encoding="utf-8"))
        return cls(terms, **load_file(folder / "tfidf.safetensors"))


class TextModel(TfidfModel):
    """One output a class, or what else a target's head gives."""

    def outputs(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, outputs): unnormalised log-probabilities of classes, or one number in units of the scale."""
        return self.vectorizer.transform(texts) @ self.weights + self.intercepts


def fit(
    texts: Sequence[str], gold: pl.Series, target: Target, weights: Mapping[str, float]
) -> list[tuple[float, TextModel]]:
    """One fitted model for each of `COSTS`; `weights` is what a row of each class counts."""
    # A pair of rows is the least that makes an n-gram a pattern; few rows have too few pairs for that.
    fresh = vectorizer(min_df=2 if len(texts) >= 5000 else 1)
    matrix = fresh.fit_transform(texts)
    terms = fresh.get_feature_names_out().tolist()
    return [
        (cost, TextModel(terms, fresh.idf_, *linear(matrix, gold, target, weights, cost))) for cost in COSTS
    ]


def linear(
    features: Any, gold: pl.Series, target: Target, weights: Mapping[str, float], cost: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (features, outputs) and intercepts (outputs,) of the linear model that fits a target."""
    if isinstance(target, Classes):
        counts = {at: weights.get(name, 1.0) for at, name in enumerate(target.names)} if weights else None
        fitted = LogisticRegression(C=cost, max_iter=300, class_weight=counts)
        return _by_class(fitted.fit(features, target.numbers(gold)), len(target.names))
    if isinstance(target, Labels):
        return _by_label(features, np.array(target.labels(gold)), cost)
    ridge = Ridge(alpha=1 / cost, solver="lsqr").fit(features, target.labels(gold))
    return ridge.coef_[:, None], np.array([ridge.intercept_])


def _by_label(features: Any, labels: np.ndarray, cost: float) -> tuple[np.ndarray, np.ndarray]:
    """One against the rest; a label that all rows have, or none, is always said, or never."""
    weights, intercepts = np.zeros((features.shape[1], labels.shape[1])), np.full(labels.shape[1], -NEVER)
    for number, own in enumerate(labels.T):
        if own.min() == own.max():
            intercepts[number] *= 1 - 2 * own.max()
            continue
        fitted = LogisticRegression(C=cost, max_iter=300).fit(features, own)
        weights[:, number], intercepts[number] = fitted.coef_[0], fitted.intercept_[0]
    return weights, intercepts


def _by_class(model: LogisticRegression, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (features, classes) and intercepts (classes,); a class that the fit has not seen is never predicted."""
    coefficients, biases = np.asarray(model.coef_).T, np.asarray(model.intercept_)
    if len(model.classes_) == 2:  # then sklearn has one column, of the second class against the first
        coefficients, biases = (
            np.hstack([0 * coefficients, coefficients]),
            np.array([0.0, biases[0]]),
        )
    weights, intercepts = np.zeros((len(coefficients), classes)), np.full(classes, -np.inf)
    weights[:, model.classes_], intercepts[model.classes_] = coefficients, biases
    return weights, intercepts


def vectorizer(**settings: Any) -> TfidfVectorizer:
    """TF-IDF of the normal form, which has no case."""
    return TfidfVectorizer(
        analyzer="char", ngram_range=(1, 4), sublinear_tf=True, preprocessor=normal_form, **settings
    )
