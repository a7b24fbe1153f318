"""Layers of a model: the matrices inside it, the layers that were added for a downstream, and the last of these."""

from dataclasses import dataclass

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

_GATED = frozenset({"Wi", "gate_up_proj"})
"""Names of layers that hold the two matrices of a gated layer one above the other: ModernBERT; Phi-3 and GLM."""


@dataclass(frozen=True)
class Matrix:
    """A weight that maps hidden states to hidden states."""

    layer: str
    """Name of its layer."""
    weight: Tensor
    transposed: bool = False
    """Whether it is stored as (in, out), as `Conv1D` of GPT-2 does, and not as (out, in)."""
    parts: int = 1
    """How many matrices of equal size lie in it side by side along the outputs: 3 for fused query, key and value."""
    blocks: int = 1
    """In how many blocks along the outputs the parts alternate: as many as heads where each has its own q, k and v."""


def matrices(model: nn.Module) -> list[Matrix]:
    """The matrices of every linear layer, each once.

    Not among them are token embeddings, also where an output layer is tied to them, and the layer that turns states
    into scores: its rows are tokens or classes, not directions of a space.
    """
    others = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    scores = _scoring(model) if isinstance(model, PreTrainedModel) else None
    heads = getattr(getattr(model, "config", None), "num_attention_heads", None)
    found: list[Matrix] = []
    for name, module in model.named_modules():
        if not isinstance(module, nn.Linear | Conv1D) or module is scores or id(module.weight) in others:
            continue
        others.add(id(module.weight))
        found.append(_matrix(name, module, heads))
    return found


def _matrix(name: str, layer: nn.Linear | Conv1D, heads: int | None) -> Matrix:
    """The weight of a layer. Names with another layout in each architecture (`qkv_proj`, `in_proj`) stay one matrix."""
    transposed = isinstance(layer, Conv1D)
    inputs, outputs = layer.weight.shape if transposed else reversed(layer.weight.shape)
    kind, parts, blocks = name.rpartition(".")[2], 1, 1
    if kind in _GATED:
        parts = 2
    elif (
        kind == "c_attn" and transposed and outputs % inputs == 0
    ):  # key and value alone with cross-attention
        parts = outputs // inputs
    elif (
        kind in ("Wqkv", "query_key_value") and outputs == 3 * inputs
    ):  # else queries share keys: unequal parts
        parts = 3
        if (
            kind == "query_key_value" and heads
        ):  # GPT-NeoX, BLOOM and Falcon: q, k and v of the first head, then ...
            blocks = heads
    return Matrix(name, layer.weight, transposed, parts, blocks)


def inner_matrices(model: PreTrainedModel) -> list[str]:
    """Names of the linear layers of the base model."""
    inside = {id(parameter) for parameter in model.base_model.parameters()}
    return [matrix.layer for matrix in matrices(model) if id(matrix.weight) in inside]


def added(model: PreTrainedModel) -> list[nn.Module]:
    """The layers of the head, what `transformers` adds to the base model, in their order.

    One that scores the vocabulary comes from pretraining and is not among them.
    """
    inside = {id(module) for module in model.base_model.modules()} | {id(model.get_output_embeddings())}
    own = [module for module in model.modules() if next(module.parameters(recurse=False), None) is not None]
    return [module for module in own if id(module) not in inside]


def last_layer(model: PreTrainedModel) -> nn.Linear | None:
    """The last linear layer of the head; None where it has none."""
    linear = [layer for layer in added(model) if isinstance(layer, nn.Linear)]
    return linear[-1] if linear else None


def probed(model: PreTrainedModel) -> nn.Module:
    """The last linear layer: the head's, or where it has none that of the base model."""
    return last_layer(model) or model.get_submodule(inner_matrices(model)[-1])


def _scoring(model: PreTrainedModel) -> nn.Module | None:
    """The layer whose outputs are scores: of the vocabulary, or of what a head tells apart; None of a base model."""
    vocabulary = model.get_output_embeddings()
    return last_layer(model) if vocabulary is None else vocabulary
