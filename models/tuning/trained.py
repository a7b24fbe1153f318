"""What all ways that train have in common: settings are tried one after another, and validation rows choose."""

from pathlib import Path
from typing import Self

from models.errors import DataError
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Predictor, Problem, Progress, Transfer, Tuned
from models.tuning.schedule import Schedule


class Trained(Schedule, Transfer):
    """A way in which weights learn. A subclass says which, by `equip`."""

    def carry(self, problem: Problem, on_progress: Progress) -> Tuned:
        """Tries the settings and gives back the best by validation.

        Raises:
            DataError: training diverged in every trial, or the rows do not fit the model.
        """
        from models.tuning.search import Search

        search = Search(self, problem, on_progress)
        best = search.best()
        if search.diverged:
            raise DataError(f"training diverged at every one of {self.kind}.learning_rates: add lower ones")
        shown = ("rows", "steps", "learning_rate", "train_embeddings", "best_step", "metrics", "diverged")
        return Tuned(
            {"model": best["folder"] / "model"},
            {name: best[name] for name in ("learning_rate", "train_embeddings", "best_step")},
            best["metrics"],
            best["trainable_parameters"],
            best["history"],
            [{name: item[name] for name in shown} for item in search.trials],
            problem.tokenizer,
        )

    def without_search(self) -> Self:
        first = {"learning_rates": self.learning_rates[:1], "train_embeddings": self.train_embeddings[:1]}
        return self.model_copy(update=first)

    def load(self, folder: Path, downstream: Downstream, device: str) -> Predictor:
        from models.inference.predictor import HeadPredictor

        return HeadPredictor.load(folder, downstream, device)
