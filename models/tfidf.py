"""TF-IDF over characters with logistic regression: the baseline of tasks that put a text into a class.

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

COSTS = (1.0, 3.0, 10.0, 30.0)
"""Inverse strengths of regularisation among which validation chooses."""


class TfidfClassifier:
    """Weights (n-grams, classes) and intercepts (classes,) over sublinear TF-IDF of characters 1 to 4."""

    def __init__(
        self, terms: Sequence[str], idf: np.ndarray, weights: np.ndarray, intercepts: np.ndarray
    ) -> None:
        self.terms, self.idf, self.weights, self.intercepts = list(terms), idf, weights, intercepts
        self._vectorizer = _vectorizer(vocabulary={term: column for column, term in enumerate(self.terms)})
        self._vectorizer.idf_ = idf

    @classmethod
    def fit(cls, texts: Sequence[str], labels: np.ndarray, classes: int) -> list[tuple[float, Self]]:
        """One fitted classifier for each of `COSTS`.

        Args:
            labels: class numbers (texts,), at least two different ones.
            classes: how many classes there are; one without a row is never predicted.
        """
        # A pair of rows is the least that makes an n-gram a pattern; few rows have too few pairs for that.
        vectorizer = _vectorizer(min_df=2 if len(texts) >= 5000 else 1)
        matrix = vectorizer.fit_transform(texts)
        terms = vectorizer.get_feature_names_out().tolist()
        fitted = []
        for cost in COSTS:
            model = LogisticRegression(C=cost, max_iter=300).fit(matrix, labels)
            weights = np.zeros((len(terms), classes))
            intercepts = np.full(classes, -np.inf)
            binary = (
                len(model.classes_) == 2
            )  # then sklearn has one column, of the second class against the first
            weights[:, model.classes_] = (
                np.hstack([0 * model.coef_.T, model.coef_.T]) if binary else model.coef_.T
            )
            intercepts[model.classes_] = [0.0, model.intercept_[0]] if binary else model.intercept_
            fitted.append((cost, cls(terms, vectorizer.idf_, weights, intercepts)))
        return fitted

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Unnormalised log-probabilities (texts, classes)."""
        return self._vectorizer.transform(texts) @ self.weights + self.intercepts

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


def _vectorizer(**settings: Any) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True, lowercase=True, **settings)
