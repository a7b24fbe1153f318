"""Adapters that peft has put into a model, taken out again with what they have learnt added to its weights."""

from pathlib import Path

from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import PreTrainedModel


def save(model: PreTrainedModel, folder: Path) -> None:
    """Writes the model as a plain one, which `model` is afterwards; its outputs stay as they are."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, layer.get_base_layer())
    if hasattr(model, "peft_config"):
        del model.peft_config
    model.tie_weights()
    model.save_pretrained(folder)
