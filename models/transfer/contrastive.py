"""Contrastive few-shot learning: an encoder learns which texts are of one class, then the last layer learns classes.

L. Tunstall et al., Efficient Few-Shot Learning Without Prompts (2022), SetFit: some labels make many pairs of texts.
"""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, PositiveFloat

from models.errors import DataError
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Predictor, Problem, Progress, Transfer, Tuned
from models.training.optimizers import OptimizerConfig


class Contrastive(Transfer):
    """The encoder learns from pairs of texts which are of one class; then the last layer is fitted (SetFit)."""

    kind: Literal["contrastive"] = "contrastive"
    modes: ClassVar[tuple[str, ...]] = ("contrastive",)
    order: ClassVar[int] = 25
    everywhere: ClassVar[bool] = False
    learning_rates: tuple[PositiveFloat, ...] = Field(
        default=(5e-5,),
        min_length=1,
        description="Highest learning rates to try; validation rows choose.",
    )
    train_embeddings: bool = Field(
        default=False, description="Whether token embeddings learn too: few texts say little of most tokens."
    )
    steps: int = Field(
        default=40, ge=1, description="Steps, each on a batch of texts every two of which are a pair."
    )
    batch_size: int = Field(default=16, ge=4, description="Training rows a step.")
    weight_decay: float = Field(default=0.01, ge=0, description="Decoupled weight decay of the matrices.")
    warmup: float = Field(
        default=0.1, ge=0, le=1, description="Share of the steps in which the rate rises from 0."
    )

    def carry(self, problem: Problem, on_progress: Progress) -> Tuned:
        """Tries the rates and gives back the best by validation.

        Raises:
            DataError: training diverged at every rate, or the model gives no vector of a text.
        """
        from models.tuning.contrastive import run_trial
        from models.tuning.result import MODEL, read
        from models.tuning.start import start_of

        start, found = start_of(problem, dropout=0.0), []
        total = self.steps * len(self.learning_rates)
        for number, rate in enumerate(self.learning_rates):
            folder = problem.folder / f"pairs-{rate:g}"

            def tell(done: int, text: str, before: int = number * self.steps, rate: float = rate) -> None:
                on_progress(before + done, total, f"pairs at {rate:g}: {text}")

            result = read(folder) or run_trial(
                start, self.steps, self.batch_size, self._optimizer(rate), self.train_embeddings, folder, tell
            )
            found.append((result, folder))
        if all(result.diverged for result, _ in found):
            raise DataError("training diverged at every one of contrastive.learning_rates: add lower ones")
        best, folder = max(found, key=lambda item: item[0].score)
        return Tuned(
            {"model": folder / MODEL},
            {"learning_rate": best.learning_rate},
            best.metrics,
            best.trainable_parameters,
            best.history,
            [result.trial() for result, _ in found],
            start.tokenizer,
        )

    def _optimizer(self, rate: float) -> OptimizerConfig:
        return OptimizerConfig(
            learning_rate=rate, weight_decay=self.weight_decay, warmup=self.warmup, schedule="linear"
        )

    def without_search(self) -> Self:
        return self.model_copy(update={"learning_rates": self.learning_rates[:1]})

    def load(self, folder: Path, downstream: Downstream, device: str) -> Predictor:
        from models.inference.predictor import HeadPredictor

        return HeadPredictor.load(folder, downstream, device)
