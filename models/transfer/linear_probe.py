"""A linear probe: the last layer learns, everything before it stays as pretraining has left it."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveFloat

from models.interfaces.transfer import Problem
from models.tuning.schedule import Setting
from models.tuning.trained import Trained

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel


class LinearProbe(Trained):
    """Only the last linear layer learns: the head's, or where a downstream adds none, that of the model itself."""

    kind: Literal["linear_probe"] = "linear_probe"
    learning_rates: tuple[PositiveFloat, ...] = Field(
        default=(1e-3, 1e-2),
        min_length=1,
        description="Highest learning rates to try; validation rows choose.",
    )
    train_embeddings: tuple[Literal[False], ...] = Field(
        default=(False,),
        description="Embeddings stay: a probe has nothing else to try.",
        min_length=1,
        max_length=1,
    )

    def equip(self, model: "PreTrainedModel", setting: Setting, problem: Problem) -> "PreTrainedModel":
        from models.backbone.layers import probed

        layer = probed(model)
        model.requires_grad_(False)
        layer.requires_grad_(True)
        return model
