"""Fine-tuning: all weights go on learning from labelled rows. `scratch` is the same from random weights."""

from typing import TYPE_CHECKING, ClassVar, Literal

from models.tuning.hyperparameters import Setting
from models.tuning.start import Start
from models.tuning.trained import Trained

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedModel


class Finetune(Trained):
    """All weights learn; the same for a pretrained model and for one from scratch."""

    kind: Literal["finetune"] = "finetune"
    modes: ClassVar[tuple[str, ...]] = ("finetune", "scratch")
    order: ClassVar[int] = 10

    def equip(self, model: "PreTrainedModel", setting: Setting, start: Start) -> "PreTrainedModel":
        model.get_input_embeddings().requires_grad_(setting.train_embeddings)
        return model
