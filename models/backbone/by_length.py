"""Attention of texts that lie one after another in one row: length by length, so that those of one need no mask."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers.integrations.sdpa_attention import sdpa_attention_forward

Runs = Sequence[tuple[int, int]]
"""How many texts of which length follow each other."""
Token = Literal["first", "last"]
_READ = {None: slice(None), "first": slice(0, 1), "last": slice(-1, None)}

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def by_length(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    runs: Runs = (),
    token: Token | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention within each text, from (1, heads, tokens, width) of all.

    Args:
        runs: none for a batch that is like any other.
        token: which one of each text is read; the others come out as zero.
    """
    if not runs:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    causal = options.get("is_causal")
    causal = getattr(module, "is_causal", True) if causal is None else causal
    alike = query.shape == key.shape == value.shape and query.dtype == key.dtype == value.dtype
    if alike and not options.get("dropout"):
        scale, only = options.get("scaling"), token is None
        return _ByLength.apply(query, key, value, runs, token, causal and only, scale), None  # type: ignore[return-value]
    made = []
    for q, k, v in zip(*(_texts(each, runs) for each in (query, key, value)), strict=True):
        states = sdpa_attention_forward(module, q[:, :, _READ[token]], k, v, None, **options)[0]
        others = k.shape[2] - states.shape[1]
        states = nn.functional.pad(states, (0, 0, 0, 0, *((0, others) if token == "first" else (others, 0))))
        made.append(states.flatten(0, 1))
    return torch.cat(made)[None], None


def _texts(states: Tensor, runs: Runs) -> list[Tensor]:
    """(1, heads, tokens, width) -> (texts, heads, length, width) of each run, in the same memory."""
    heads, width = states.shape[1], states.shape[3]
    lines = states[0].transpose(0, 1).split([texts * length for texts, length in runs])
    return [
        line.view(texts, length, heads, width).transpose(1, 2)
        for line, (texts, length) in zip(lines, runs, strict=True)
    ]


def _blank(like: Tensor, token: Token | None) -> Tensor:
    """Where states are to be written: all of them, or those of the tokens that are read."""
    return like.new_empty(like.shape) if token is None else like.new_zeros(like.shape)


class _ByLength(torch.autograd.Function):
    """What torch's own attention computes of each run; forth and back its states are written where they belong."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        runs: Runs,
        token: Token | None,
        causal: bool,
        scale: float | None,
    ) -> Tensor:
        read, made = _READ[token], _blank(query.transpose(1, 2), token)
        sums = []
        for q, k, v, place in zip(
            *(_texts(each, runs) for each in (query, key, value, made.transpose(1, 2))), strict=True
        ):
            if token is not None:
                q, place = q[:, :, read], place[:, :, read]
            states, total = _flash(q, k, v, 0.0, causal, scale=scale)
            place.copy_(states)
            sums.append(total)
        ctx.save_for_backward(query, key, value, made, *sums)
        ctx.told = runs, token, causal, scale
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        query, key, value, made, *sums = ctx.saved_tensors
        runs, token, causal, scale = ctx.told
        read = _READ[token]
        own = [_blank(made, which).transpose(1, 2) for which in (token, None, None)]
        given = (gradient.transpose(1, 2), query, key, value, made.transpose(1, 2), *own)
        for (g, q, k, v, states, *places), total in zip(
            zip(*(_texts(each, runs) for each in given), strict=True), sums, strict=True
        ):
            if token is not None:
                g, q, states, places[0] = (each[:, :, read] for each in (g, q, states, places[0]))
            found = _flash_backward(g, q, k, v, states, total, 0.0, causal, scale=scale)
            for place, part in zip(places, found, strict=True):
                place.copy_(part)
        return *own, None, None, None, None
