"""LoRA: each matrix learns a correction of low rank, and the head learns as usual.

E. Hu et al., LoRA: Low-Rank Adaptation of Large Language Models (ICLR 2022). The corrections are added to the weights
in the end, so that the result is a model like any other.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveFloat

from models.interfaces.transfer import Problem
from models.tuning.schedule import Setting
from models.tuning.trained import Trained

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel


class Lora(Trained):
    """Low-rank corrections of the matrices learn, and the head."""

    kind: Literal["lora"] = "lora"
    rank: int = Field(default=8, ge=1, description="Rank of the corrections.")
    alpha: int = Field(default=16, gt=0, description="Corrections count alpha / rank times.")
    learning_rates: tuple[PositiveFloat, ...] = Field(
        default=(1e-3, 5e-3),
        min_length=1,
        description="Highest learning rates to try; validation rows choose.",
    )
    train_embeddings: tuple[Literal[False], ...] = Field(
        default=(False,), description="Embeddings stay, as LoRA has it.", min_length=1, max_length=1
    )

    def equip(self, model: "PreTrainedModel", setting: Setting, problem: Problem) -> "PreTrainedModel":
        from peft import LoraConfig

        from models.backbone import build, layers
        from models.tuning import adapters

        matrices = layers.inner_matrices(model)
        config = LoraConfig(r=self.rank, lora_alpha=self.alpha, lora_dropout=0.0, target_modules=matrices)
        with build.seeded(problem.seed):
            return adapters.put(model, config)

    def save(self, model: "PreTrainedModel", folder: Path) -> None:
        """Adds the corrections to the weights."""
        from models.tuning import adapters

        adapters.save(model, folder)
