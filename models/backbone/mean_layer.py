"""A last layer by which the first token has the mean of all, for encoders whose head sees the first token alone.

BERT and its kin (RoBERTa, XLM-R, ELECTRA) put their head on the first token, which a model that was trained by the mean
of its tokens, as E5 and most models of sentences are, has not made a summary of the text. In this layer every token
attends to all tokens alike and passes on nothing else, so the head sees their mean, up to the layer norm; the model
is one of the same architecture with a layer more, which plain `transformers` loads.
"""

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

_LOUD = 1000.0
"""Times the mean of all tokens outweighs the token's own state."""
_QUIET = 0.1
"""So small are values before the head's tanh or gelu that it leaves them as they are."""


def add(model: PreTrainedModel) -> bool:
    """Adds the layer to a model with a head on its first token; False, with nothing added, where layers are others."""
    layers: Any = getattr(getattr(model.base_model, "encoder", None), "layer", None)
    if not layers or not hasattr(getattr(getattr(layers[-1], "attention", None), "self", None), "query"):
        return False
    layer = copy.deepcopy(layers[-1])
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()  # query and key among them: attention is even; and the two layers after it
        for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm):
            norm.weight.fill_(1.0)
        nn.init.eye_(layer.attention.self.value.weight)
        layer.attention.output.dense.weight.copy_(_LOUD * torch.eye(model.config.hidden_size))
        for dense in _before_the_last(model):
            dense.weight.copy_(_QUIET * torch.eye(model.config.hidden_size))
            dense.bias.zero_()
    layers.append(layer)
    model.config.num_hidden_layers += 1
    return True


def _before_the_last(model: PreTrainedModel) -> Iterable[nn.Linear]:
    """Layers between the first token's state and the last layer of the head."""
    places: tuple[Any, ...] = (getattr(model.base_model, "pooler", None), getattr(model, "classifier", None))
    return [place.dense for place in places if isinstance(getattr(place, "dense", None), nn.Linear)]
