"""What all ways that train have in common: settings are tried one after another, and validation rows choose."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from models.errors import DataError
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Predictor, Problem, Progress, Transfer, Tuned
from models.tuning.hyperparameters import Hyperparameters


class Trained(Hyperparameters, Transfer):
    """A way in which weights learn. A subclass says which, by `equip`."""

    takes_over: ClassVar[Mapping[str, frozenset[str]]] = {
        "finetune": frozenset(Hyperparameters.model_fields) - {"learning_rates", "train_embeddings"}
    }
    """Equal care: how long, how often and on what. Rates are each way's own, and so is what becomes of embeddings."""

    def carry(self, problem: Problem, on_progress: Progress) -> Tuned:
        """Tries the settings and gives back the best by validation.

        Raises:
            DataError: training diverged in every trial, or the rows do not fit the model.
        """
        from models.tuning.result import MODEL
        from models.tuning.search import Search

        search = Search(self, self.start(problem), on_progress)
        best = search.best()
        if search.diverged:
            raise DataError(f"training diverged at every one of {self.kind}.learning_rates: add lower ones")
        chosen = {"learning_rate": best.learning_rate, "train_embeddings": best.train_embeddings}
        return Tuned(
            {"model": search.folder(best) / MODEL},
            {**chosen, **best.others, "best_step": best.best_step},
            best.metrics,
            best.trainable_parameters,
            best.history,
            [result.trial() for result in search.results],
            search.start(best.setting).tokenizer,
        )

    @property
    def searches(self) -> bool:
        return self.search is not None

    def handed_on(self, name: str, taken: frozenset[str]) -> Any:
        if name == "search" and self.search is not None:
            own = {"learning_rate": "learning_rates", "train_embeddings": "train_embeddings"}
            return self.search.without([name for name, setting in own.items() if setting not in taken])
        return super().handed_on(name, taken)

    def without_search(self) -> Self:
        first = {"learning_rates": self.learning_rates[:1], "train_embeddings": self.train_embeddings[:1]}
        first["search"] = None
        return self.model_copy(update=first)

    def load(self, folder: Path, downstream: Downstream, device: str) -> Predictor:
        from models.inference.predictor import HeadPredictor

        return HeadPredictor.load(folder, downstream, device)
