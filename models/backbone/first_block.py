"""The first products of a model whose tokens know their places by rotation alone: once for each distinct token.

Before attention turns queries and keys, all that such a model knows of a token is which one it is, and a third to a
half of a batch's tokens repeat one that stands there already.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

_LLAMA = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
FIRST = {
    "gpt_neox": ("attention.query_key_value",),
    "llama": _LLAMA,
    "modernbert": ("attn.Wqkv",),
    "qwen2": _LLAMA,
}
"""What makes queries, keys and values in a layer."""
WORTH = 0.8
"""Share of distinct tokens up to which finding them costs less than it spares."""


class FirstBlock:
    """The first layer of a model whose texts lie in one row."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._base = model.base_model
        alone = getattr(model.config, "num_hidden_layers", 1) == 1  # then it is the last one too
        self._names = () if alone else FIRST.get(model.config.model_type, ())
        self._places: tuple[Tensor, Tensor] | None = None

    @contextmanager
    def once_a_token(self) -> Iterator[None]:
        """Within it, the first products are made so."""
        layers: Any = self._base.get_submodule("layers") if self._names else ()
        products = [layers[0].get_submodule(name) for name in self._names]
        handles = [product.register_forward_pre_hook(self._distinct) for product in products]
        handles += [product.register_forward_hook(self._each) for product in products]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def choose(self, ids: Tensor | None) -> None:
        """Takes in the tokens (1, all) of a batch; None: a batch like any other."""
        self._places = None
        if ids is None or not self._names or self._drops():
            return
        found, numbers = ids[0].unique(return_inverse=True)
        if len(found) <= WORTH * len(numbers):
            every, most = torch.arange(len(numbers)), found.new_full(found.shape, len(numbers))
            self._places = most.scatter_reduce_(0, numbers, every, "amin"), numbers

    def _drops(self) -> bool:
        """Whether chance makes states of one token differ."""
        return self._base.training and any(
            module.p > 0 for module in self._base.modules() if isinstance(module, nn.Dropout)
        )

    def _distinct(self, _: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return given if self._places is None else (given[0].index_select(1, self._places[0]), *given[1:])

    def _each(self, _: nn.Module, __: Any, made: Tensor) -> Tensor:
        return made if self._places is None else made.index_select(1, self._places[1])
