"""Rotary positions (RoPE) in three passes over the numbers, and as many back, where `transformers` takes a dozen.

Beside products of matrices they are the largest part of a small model's time on a CPU.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

_NAME = "apply_rotary_pos_emb"
"""What the files of architectures call it, with one meaning in all that have it whole."""


@contextmanager
def rotating_at_once(model: PreTrainedModel) -> Iterator[None]:
    """Within it the architecture of `model` turns queries and keys this way, in float32.

    All of the process's models of that architecture do: a process trains one at a time, or asks one.
    """
    place: Any = sys.modules[type(model).__module__]
    plain = getattr(place, _NAME, None)
    if plain is None:
        yield
        return

    def turned(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1) -> Any:
        if q.dtype != torch.float32 or cos.shape[-1] != q.shape[-1]:
            return plain(q, k, cos, sin, unsqueeze_dim=unsqueeze_dim)
        angles = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
        return tuple(_Turned.apply(states, *angles) for states in (q, k))

    setattr(place, _NAME, turned)
    try:
        yield
    finally:
        setattr(place, _NAME, plain)


class _Turned(torch.autograd.Function):
    """Pairs of numbers, half the width apart, turned by an angle; a gradient is turned back."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turn(states, cos, sin, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        cos, sin = ctx.saved_tensors
        return _turn(gradient, cos, sin, -1), None, None


def _turn(states: Tensor, cos: Tensor, sin: Tensor, way: int) -> Tensor:
    half = states.shape[-1] // 2
    made = states * cos
    made[..., :half].addcmul_(states[..., half:], sin[..., :half], value=-way)
    made[..., half:].addcmul_(states[..., :half], sin[..., half:], value=way)
    return made
