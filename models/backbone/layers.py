"""Layers of a model: which were added for a downstream, and which are the matrices inside."""

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D


def added(model: PreTrainedModel) -> list[nn.Module]:
    """The layers of the head, what `transformers` adds to the base model, in their order.

    One that scores the vocabulary comes from pretraining and is not among them.
    """
    inside = {id(module) for module in model.base_model.modules()} | {id(model.get_output_embeddings())}
    own = [module for module in model.modules() if next(module.parameters(recurse=False), None) is not None]
    return [module for module in own if id(module) not in inside]


def inner_matrices(model: PreTrainedModel) -> list[str]:
    """Names of the linear layers of the base model."""
    inside = {id(module) for module in model.base_model.modules()}
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and id(module) in inside
    ]


def probed(model: PreTrainedModel) -> nn.Module:
    """The last linear layer: the head's, or where it has none that of the base model."""
    return last_layer(model) or model.get_submodule(inner_matrices(model)[-1])


def last_layer(model: PreTrainedModel) -> nn.Linear | None:
    """The last linear layer of the head; None where it has none."""
    linear = [layer for layer in added(model) if isinstance(layer, nn.Linear)]
    return linear[-1] if linear else None
