"""Hybrid: the model's scores and those of the cheap classical method, weighed on validation rows.

A dense model finds what means the same, BM25 what is written the same; each misses some of what the other finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from models.interfaces.transfer import Problem, Progress, Tuned
from models.late import pl
from models.tuning.hyperparameters import Hyperparameters, Setting
from models.tuning.start import Start
from models.tuning.trained import Trained

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel


class Hybrid(Trained):
    """A model, fine-tuned or as pretraining has left it, together with the baseline; validation rows weigh the two."""

    kind: Literal["hybrid"] = "hybrid"
    modes: ClassVar[tuple[str, ...]] = ("hybrid",)
    order: ClassVar[int] = 15
    everywhere: ClassVar[bool] = False
    takes_over: ClassVar[Mapping[str, frozenset[str]]] = {"finetune": frozenset(Hyperparameters.model_fields)}
    dense: Literal["finetuned", "untrained"] = Field(
        default="finetuned",
        description="The model beside the baseline: finetuned, as mode finetune does; or untrained, which takes no "
        "training at all.",
    )

    def equip(self, model: PreTrainedModel, setting: Setting, start: Start) -> PreTrainedModel:
        model.get_input_embeddings().requires_grad_(setting.train_embeddings)
        return model

    def carry(self, problem: Problem, on_progress: Progress) -> Tuned:
        """Fine-tunes, where it is asked to, and then chooses how much each of the two counts."""
        from models.inference.predictor import HeadPredictor

        tuned = super().carry(problem, on_progress) if self.dense == "finetuned" else self._untrained(problem)
        downstream, rows = problem.downstream, pl.concat([problem.validation, problem.pool])
        predictor = HeadPredictor.of(tuned.model, tuned.tokenizer, downstream, problem.workplace.device)
        features, outputs = predictor.outputs(rows, False)
        fused = downstream.fused(outputs, features, rows)
        metrics = fused.evaluate(rows, fused.decode(outputs, features, rows))
        before = downstream.model_dump()
        chosen = {name: value for name, value in fused.model_dump().items() if value != before[name]}
        return replace(tuned, downstream=fused, setting=tuned.setting | chosen, metrics=metrics)

    def _untrained(self, problem: Problem) -> Tuned:
        start, folder = self.start(problem), problem.folder / "untrained"
        start.model().save_pretrained(folder)
        return Tuned({"model": folder}, {}, {}, 0, [], [], start.tokenizer)
