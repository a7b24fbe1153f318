"""Muon in float32; `torch.optim.Muon` orthogonalises in bfloat16, which a CPU without AMX computes very slowly."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic Newton-Schulz iteration: K. Jordan, "Muon: An optimizer for hidden layers" (2024)."""


class Muon(torch.optim.Optimizer):
    """Nesterov momentum whose matrices are orthogonalised before each step.

    The update is scaled to a root mean square of 0.2, so that rates and weight decay of AdamW carry over
    (J. Liu et al., "Muon is scalable for LLM training", 2025, section 2.2).

    Args:
        groups: parameter groups of 2-D tensors; `parts`, `blocks` and `transposed` say which matrices lie in them,
            as in `models.backbone.layers.Matrix`. Each is orthogonalised by itself.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, momentum: float, weight_decay: float) -> None:
        rates = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(groups, {**rates, "parts": 1, "blocks": 1, "transposed": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Moves every parameter that has a gradient; a closure is not supported."""
        if closure is not None:
            raise ValueError("Muon takes no closure")
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        mean = _own(state["momentum"]).lerp_(_own(gradient), 1 - group["momentum"])
        update = _whole(_own(gradient).lerp(mean, group["momentum"]), parameter)
        stacked = _split(update.T if group["transposed"] else update, group["parts"], group["blocks"])
        scale = 0.2 * max(stacked.shape[1:]) ** 0.5
        moved = _join(orthogonalize(stacked), group["blocks"])
        moved = _share(moved.T if group["transposed"] else moved, parameter)
        weight = _own(parameter)
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(moved, alpha=-group["lr"] * scale)


def _own(tensor: Tensor) -> Tensor:
    """What of a tensor lies in this process: all, or some rows where each process has some."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _whole(own: Tensor, like: Tensor) -> Tensor:
    """The matrix of which each process has what it has of `like`: only whole it can be orthogonalised."""
    if not isinstance(like, DTensor):
        return own
    spread = DTensor.from_local(
        own, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
    )
    return spread.full_tensor()


def _share(whole: Tensor, like: Tensor) -> Tensor:
    """What of a whole matrix, which all processes have, lies where this one has `like`."""
    if not isinstance(like, DTensor):
        return whole
    return distribute_tensor(
        whole.contiguous(), like.device_mesh, like.placements, src_data_rank=None
    ).to_local()


def _split(weight: Tensor, parts: int, blocks: int) -> Tensor:
    """(outputs, inputs) -> (parts, outputs / parts, inputs)."""
    inputs = weight.shape[1]
    return weight.reshape(blocks, parts, -1, inputs).transpose(0, 1).reshape(parts, -1, inputs)


def _join(matrices: Tensor, blocks: int) -> Tensor:
    """What `_split` took apart, whole again."""
    parts, _, inputs = matrices.shape
    return matrices.reshape(parts, blocks, -1, inputs).transpose(0, 1).reshape(-1, inputs)


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """(n, rows, columns) -> the same, with singular values pushed to about 1."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    # A CPU takes them one by one and in place: what one needs then lies in a core's cache, and no bit is another.
    for some in x.split(1 if x.device.type == "cpu" else len(x)):
        for _ in range(steps):
            gram = some @ some.mT
            bent = (c * gram) @ gram
            bent += gram.mul_(b)
            moved = bent @ some
            some.mul_(a).add_(moved)
    return x.mT if tall else x
