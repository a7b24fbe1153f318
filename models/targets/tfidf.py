"""TF-IDF over characters with logistic regression: the baseline of downstreams that put a text into a class.

Character n-grams see inside words, which in Korean is where the endings are: Wang & Manning, Baselines and Bigrams
(ACL 2012), of characters in place of words.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from models.data.comparison import normal_form

COSTS = (1.0, 3.0, 10.0, 30.0)
"""Inverse strengths of regularisation among which validation chooses."""


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


class TfidfClassifier(TfidfModel):
    """One output a class."""

    @classmethod
    def fit(cls, texts: Sequence[str], labels: np.ndarray, classes: int) -> list[tuple[float, Self]]:
        """One fitted classifier for each of `COSTS`.

        Args:
            labels: class numbers (texts,), at least two different ones.
            classes: how many classes there are; one without a row is never predicted.
        """
        # A pair of rows is the least that makes an n-gram a pattern; few rows have too few pairs for that.
        fresh = vectorizer(min_df=2 if len(texts) >= 5000 else 1)
        matrix = fresh.fit_transform(texts)
        terms = fresh.get_feature_names_out().tolist()
        fitted = []
        for cost in COSTS:
            model = LogisticRegression(C=cost, max_iter=300).fit(matrix, labels)
            weights, intercepts = class_weights(model, classes)
            fitted.append((cost, cls(terms, fresh.idf_, weights, intercepts)))
        return fitted

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Unnormalised log-probabilities (texts, classes)."""
        return self.vectorizer.transform(texts) @ self.weights + self.intercepts


def class_weights(model: LogisticRegression, classes: int) -> tuple[np.ndarray, np.ndarray]:
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
