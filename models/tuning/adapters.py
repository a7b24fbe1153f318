"""Adapters that peft puts into a model; taken out again, what they have learnt is added to its weights."""

import warnings
from pathlib import Path

from peft import PeftConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import PreTrainedModel

from models.backbone import layers


def put(model: PreTrainedModel, config: PeftConfig) -> PreTrainedModel:
    """The model with adapters that learn, and its head; all else stays."""
    model.requires_grad_(False)
    with warnings.catch_warnings():
        # Where embeddings are the output layer too, peft warns that it does not adapt both; `save` ties them again.
        warnings.filterwarnings("ignore", message=".*tie_word_embeddings.*")
        warnings.filterwarnings(
            "ignore", message=".*fan_in_fan_out.*"
        )  # it sees by itself how GPT-2 stores them
        inject_adapter_in_model(config, model)
    for layer in layers.added(model):
        layer.requires_grad_(True)
    return model


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
