"""The same rows for several adapted models, and what each comes to on them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.adapted.predicting import predictions, statistics
from models.adapted.slices import labels, slices
from models.bootstrap import paired
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Predictor


@dataclass(frozen=True)
class Exam:
    """Rows that models are compared on, by the headline metric."""

    downstream: Downstream
    """Scores all of them: what another model says beyond its classes is wrong."""
    rows: pl.DataFrame
    pool: pl.DataFrame
    """What the rows speak of; most downstreams have none."""

    def answers(
        self, downstream: Downstream, predictor: Predictor, on_progress: Callable[[int, int], None]
    ) -> np.ndarray:
        """Statistics (rows, k) of what a model of `downstream` says of the rows."""
        asked = pl.concat([self.rows, self.pool])
        return statistics(self.downstream, self.rows, predictions(predictor, downstream, asked, on_progress))

    def score(self, answers: np.ndarray) -> float:
        """The headline metric."""
        return float(self.downstream.metrics(answers.sum(axis=0))[self.downstream.headline])

    def rank(self, answers: np.ndarray) -> float:
        """The headline metric so that more is better; what is no number is less than any."""
        score = self.score(answers)
        if math.isnan(score):
            return -math.inf
        return -score if self.downstream.headline in self.downstream.lower_is_better else score

    def difference(self, a: np.ndarray, b: np.ndarray, resamples: int, seed: int) -> dict[str, Any]:
        """Of two models in the headline metric, as `bootstrap.difference` has it."""
        lower = self.downstream.lower_is_better
        found = paired(a, b, self.downstream.metrics, resamples, seed, lower)
        return found[self.downstream.headline]

    def slices(
        self, a: np.ndarray, b: np.ndarray, least: int, resamples: int, seed: int
    ) -> Mapping[str, dict[str, Any]]:
        """The difference on each slice of at least so many rows; of a label, in its F1 on all rows.

        On the rows of one label alone, whoever says it always would be best.
        """
        of_rows = slices(self.rows, self.downstream.texts, least)
        found: dict[str, dict[str, Any]] = {
            name: self.difference(a[mask], b[mask], resamples, seed) for name, mask in of_rows.items()
        }
        wanted = labels(self.rows, self.downstream.kinds or self.downstream.drawn_by, least)
        if wanted:
            of_labels = paired(a, b, self._f1, resamples, seed)
            found |= {f"label is {name}": of_labels[name] for name in wanted if name in of_labels}
        return found

    def _f1(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """Of each label."""
        return {name: of["f1"] for name, of in self.downstream.rates(totals).items()}
