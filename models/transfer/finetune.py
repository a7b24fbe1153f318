"""Fine-tuning: all weights go on learning from labelled rows. `scratch` is the same from random weights."""

from typing import TYPE_CHECKING, Literal

from models.interfaces.transfer import Problem
from models.tuning.schedule import Setting
from models.tuning.trained import Trained

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel


class Finetune(Trained):
    """All weights learn; the same for a pretrained model and for one from scratch."""

    kind: Literal["finetune"] = "finetune"

    def equip(self, model: "PreTrainedModel", setting: Setting, problem: Problem) -> "PreTrainedModel":
        model.get_input_embeddings().requires_grad_(setting.train_embeddings)
        return model
