"""The last layer of a classifier, for the tokens alone that its head reads: one of each text.

That layer makes keys and values of all tokens, and all else of those alone. It is given the states of the tokens that
are read, so that they are what it adds to; the way to its attention is given all states, and the way from there the
read ones again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as CLASSIFIERS,
)

from models.backbone.by_length import Token


@dataclass(frozen=True)
class Parts:
    """What an architecture calls the modules that matter here."""

    layers: str
    before: str
    """Of a layer: what takes its states on their way to attention."""
    after: str
    """Of a layer: what takes the states that attention gives."""
    query: str | None = None
    """Of a layer: what makes queries, where that makes nothing else."""


_BERT = Parts("encoder.layer", "attention.self", "attention.output.dense", "attention.self.query")
_LLAMA = Parts("layers", "input_layernorm", "self_attn.o_proj", "self_attn.q_proj")
PARTS = {
    "bert": _BERT,
    "gpt_neox": Parts("layers", "input_layernorm", "attention.dense"),
    "llama": _LLAMA,
    "modernbert": Parts("layers", "attn_norm", "attn.Wo"),
    "qwen2": _LLAMA,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
}
"""GPT-2 is not among them: it takes for granted that its layers give as many states as they are given."""
_DECODERS = frozenset({"gpt_neox", "llama", "qwen2"})


def token_read(model: PreTrainedModel) -> Token | None:
    """Which token of each text the head reads; None where it reads all, or what it reads is not known."""
    kind = model.config.model_type
    if type(model).__name__ != CLASSIFIERS.get(kind) or kind not in PARTS:
        return None
    if kind in _DECODERS:
        return "last"
    if getattr(model.config, "is_decoder", False):  # its first token sees no other
        return None
    return "first" if getattr(model.config, "classifier_pooling", "cls") == "cls" else None


class LastBlock:
    """The last layer of a model whose texts lie in one row."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model, self._token = model, token_read(model)
        self._asked, self._all = False, torch.empty(0)
        self.read: Tensor | None = None
        """Where in the row the tokens stand that are read of the batch at hand; None: all are."""

    @contextmanager
    def for_the_head(self) -> Iterator[None]:
        """Within it, what the head calls for is computed so; whoever calls the model inside it gets all states."""
        if self._token is None:
            yield
            return
        parts: Any = PARTS[self._model.config.model_type]
        layer = self._model.base_model.get_submodule(parts.layers)[-1]  # pyright: ignore[reportIndexIssue]
        before, after = (layer.get_submodule(name) for name in (parts.before, parts.after))
        handles = [
            self._model.register_forward_pre_hook(self._ask),
            self._model.register_forward_hook(self._answered, always_call=True),
            layer.register_forward_pre_hook(self._take_read, with_kwargs=True),
            before.register_forward_pre_hook(self._give_all),
            after.register_forward_pre_hook(self._give_read),
        ]
        if parts.query is not None:
            query = layer.get_submodule(parts.query)
            handles.append(query.register_forward_pre_hook(self._give_read))
            handles.append(query.register_forward_hook(self._fill))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def choose(self, ids: Tensor, mask: Tensor, lengths: Tensor) -> None:
        """Takes in a batch (texts, longest).

        Args:
            lengths: of the texts, in the order in which they lie in the row.
        """
        self.read = None
        if not self._asked or (self._token == "last" and not self._ends_in_read(ids, mask)):
            return
        ends = lengths.cumsum(0)
        self.read = (ends - lengths if self._token == "first" else ends - 1)[lengths > 0]

    def _ends_in_read(self, ids: Tensor, mask: Tensor) -> bool:
        """Whether the last token of each text is the last one that is no padding, which is the one read."""
        padding = self._model.config.pad_token_id
        places = torch.arange(ids.shape[1])
        known = torch.ones_like(mask) if padding is None else ids != padding
        return torch.equal((places * known).argmax(1), (places * mask).argmax(1))

    def _ask(self, _: nn.Module, __: Any) -> None:
        self._asked = True

    def _answered(self, _: nn.Module, __: Any, ___: Any) -> None:
        self._asked = False

    def _take_read(
        self, _: nn.Module, args: tuple[Any, ...], given: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if self.read is None:
            return args, given
        self._all, *others = args
        return (self._all[:, self.read], *others), {**given, "token": self._token}

    def _give_all(self, _: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return given if self.read is None else (self._all, *given[1:])

    def _give_read(self, _: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return given if self.read is None else (given[0][:, self.read], *given[1:])

    def _fill(self, _: nn.Module, __: Any, made: Tensor) -> Tensor:
        """Queries in the places of their tokens; attention takes no others."""
        if self.read is None:
            return made
        return made.new_zeros(1, self._all.shape[1], made.shape[-1]).index_copy_(1, self.read, made)
