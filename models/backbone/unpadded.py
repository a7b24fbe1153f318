"""A model that computes tokens alone: whatever the lengths in a batch, nothing of it is padding.

The texts of a batch are laid one after another into one long row, as `transformers` has it for flash attention. Layers
act on each token by itself, and attention goes through the texts length by length: those of one need no mask. What
the base model says is laid back, so that a head, a loss and whoever calls the model see a batch like any other. Of the
last layer a head gets the tokens alone that it reads (`last_block.py`).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import sdpa_mask

from models.backbone.by_length import by_length
from models.backbone.first_block import FirstBlock
from models.backbone.last_block import LastBlock
from models.backbone.positions import OFFSET_POSITIONS
from models.backbone.rotary import rotating_at_once

_NAME = f"text_by_text_{__name__}"
"""All of a process's models find it by this, those with a copy of an earlier day's code in them too."""
_KNOWN = frozenset({"bert", "gpt2", "gpt_neox", "llama", "modernbert", "qwen2", "roberta", "xlm-roberta"})
"""Architectures that hand on what attention is told, and are tried in `tests/models/backbone/test_unpadded.py`."""

_MORE = ("output_hidden_states", "output_attentions", "past_key_values", "use_cache", "position_ids")
"""What says, in a call or a configuration, that more is asked for than the last states of whole texts."""
_NO_MASK = torch.ones(1, 1, 1, 1, dtype=torch.bool)
"""One of four dimensions is handed on as it is: none is made of texts that lie in one row."""


@contextmanager
def unpadded(model: PreTrainedModel) -> Iterator[None]:
    """Within it `model` computes no padding, on a CPU and where its architecture can do without.

    On a GPU a batch is one product, and the lengths in it would have to be waited for.
    """
    if not _able(model):
        yield
        return
    base, before = model.base_model, model.config._attn_implementation
    lines = _Lines(_first_position(model), FirstBlock(model), LastBlock(model))
    with ExitStack() as stack:
        stack.callback(setattr, model.config, "_attn_implementation", before)
        model.config._attn_implementation = _NAME
        if getattr(model.config, "use_cache", False):  # a call may still ask for it
            stack.callback(setattr, model.config, "use_cache", True)
            model.config.use_cache = False
        stack.callback(base.register_forward_pre_hook(lines.lay_out, with_kwargs=True).remove)
        stack.callback(base.register_forward_hook(lines.lay_back).remove)
        stack.enter_context(lines.begin.once_a_token())
        stack.enter_context(lines.last.for_the_head())
        stack.enter_context(rotating_at_once(model))
        pooler = getattr(base, "pooler", None)
        if pooler is not None:  # it takes the first token of each text
            stack.callback(pooler.register_forward_pre_hook(lines.pooled).remove)
        yield


def _able(model: PreTrainedModel) -> bool:
    config = model.config
    windows = getattr(config, "layer_types", None) or ["full_attention"]
    return (
        config.model_type in _KNOWN
        and config._attn_implementation == "sdpa"
        and set(windows) == {"full_attention"}
        and model.device.type == "cpu"
    )


def _first_position(model: PreTrainedModel) -> int:
    """What the first token of a text is counted as."""
    return model.config.pad_token_id + 1 if model.config.model_type in OFFSET_POSITIONS else 0


class _Lines:
    """Where the tokens of the batch that is being read stand."""

    def __init__(self, first: int, begin: FirstBlock, last: LastBlock) -> None:
        self._first, self.begin, self.last = first, begin, last
        self._shape: torch.Size | None = None

    def lay_out(
        self, base: nn.Module, args: tuple[Any, ...], given: dict[str, Any]
    ) -> tuple[tuple[()], dict[str, Any]]:
        """(texts, longest) ids with a mask -> (1, tokens), the shortest texts first; a call about more is left as it
        is."""
        given |= dict(zip(("input_ids", "attention_mask"), args, strict=False))
        ids, mask = given.get("input_ids"), given.get("attention_mask")
        self._shape = self.last.read = None
        self.begin.choose(None)
        told = ((given.get(name), getattr(base.config, name, None)) for name in _MORE)
        asked = [of_config if of_call is None else of_call for of_call, of_config in told]
        if ids is None or any(each is not None and each is not False for each in asked):
            return (), given
        mask = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
        lengths = mask.sum(dim=1)
        order = lengths.argsort(stable=True)
        numbers = torch.arange(ids.numel()).view_as(ids)
        self._shape, self._places = ids.shape, numbers[order][mask[order]]
        found, counts = torch.unique_consecutive(lengths[order], return_counts=True)
        runs = [
            (count, length) for count, length in zip(counts.tolist(), found.tolist(), strict=True) if length
        ]
        positions = mask.cumsum(dim=1) - 1 + self._first
        for name, values in (("input_ids", ids), ("token_type_ids", given.get("token_type_ids"))):
            if values is not None:
                given[name] = self._line(values)
        # Layers that are computed again, for their gradients, are when another batch may have been read.
        if not (base.training and base.is_activation_checkpointing):
            self.begin.choose(given["input_ids"])
            self.last.choose(ids, mask, lengths[order])
        return (), {**given, "attention_mask": _NO_MASK, "position_ids": self._line(positions), "runs": runs}

    def _line(self, values: Tensor) -> Tensor:
        return values.flatten()[self._places][None]

    def lay_back(self, _: nn.Module, __: Any, output: Any) -> Any:
        """(1, tokens, width) states -> (texts, longest, width), zero where there is no token."""
        if self._shape is not None:
            output["last_hidden_state"] = self._back(output["last_hidden_state"])
        return output

    def pooled(self, _: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
        """The same for a layer inside the base model."""
        return given if self._shape is None else (self._back(given[0]),)

    def _back(self, states: Tensor) -> Tensor:
        assert self._shape is not None, "a batch was laid out"
        texts, longest = self._shape
        places = self._places if self.last.read is None else self._places[self.last.read]
        whole = states.new_zeros(texts * longest, states.shape[-1])
        return whole.index_copy_(0, places, states[0]).view(texts, longest, -1)


AttentionInterface.register(_NAME, by_length)
AttentionMaskInterface.register(_NAME, sdpa_mask)
