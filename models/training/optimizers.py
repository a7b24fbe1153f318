"""How weights are moved: AdamW, or Muon on the matrices with AdamW on the rest, and the schedule of the rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from models.config import Config

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from models.backbone.layers import Matrix
    from models.training.checkpoints import Saved


OptimizerKind = Literal["adamw", "muon"]


class OptimizerConfig(Config):
    """Optimizer and schedule of one training."""

    kind: OptimizerKind = Field(
        default="adamw",
        description="adamw, or muon: Muon on the weight matrices and AdamW on embeddings, norms and heads.",
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="Highest learning rate of AdamW.")
    matrix_learning_rate: float | None = Field(
        default=None,
        gt=0,
        description="Highest learning rate of Muon (only with kind: muon); learning_rate if not given.",
    )
    weight_decay: float = Field(default=0.01, ge=0, description="Decoupled weight decay of the matrices.")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="AdamW's decay of the mean gradient.")
    beta2: float = Field(default=0.98, ge=0, lt=1, description="AdamW's decay of the mean squared gradient.")
    momentum: float = Field(default=0.95, ge=0, lt=1, description="Muon's momentum.")
    max_grad_norm: float = Field(
        default=1.0, ge=0, description="The gradient's norm is clipped to this; 0 never clips."
    )
    schedule: Literal["linear", "cosine", "constant"] = Field(
        default="linear", description="How the rate falls to final."
    )
    warmup: float = Field(
        default=0.05, ge=0, le=1, description="Share of the steps in which the rate rises from 0."
    )
    decay: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the steps, the last, in which the rate falls; before, it is constant.",
    )
    final: float = Field(
        default=0.0, ge=0, le=1, description="Learning rate at the end, as a share of the highest."
    )

    @model_validator(mode="after")
    def _consistent(self) -> OptimizerConfig:
        if self.matrix_learning_rate is not None and self.kind != "muon":
            raise ValueError("matrix_learning_rate is Muon's rate: set kind: muon, or leave it out")
        return self

    def rate(self, step: int, steps: int) -> float:
        """Factor on the learning rate at `step` of `steps` (counted from 0), in [0, 1]."""
        rise = min(1.0, (step + 1) / max(1.0, self.warmup * steps))
        if self.schedule == "constant":
            return rise
        left = min(1.0, (steps - step) / max(1.0, self.decay * steps))
        shape = left if self.schedule == "linear" else 0.5 * (1 - math.cos(math.pi * left))
        return rise * (self.final + (1 - self.final) * shape)


def build(
    model: nn.Module,
    config: OptimizerConfig,
    mine: Callable[[Tensor], bool] = lambda weight: True,
    table: nn.Embedding | None = None,
) -> list[Optimizer]:
    """The optimisers of `model`'s trainable parameters; each group's highest rate is kept in `group["peak"]`.

    Args:
        mine: of which weights; the others are moved elsewhere.
        table: token embeddings that are moved by the rows that are read.
    """
    import torch

    from models.backbone.layers import matrices
    from models.training.muon import Muon
    from models.training.row_adamw import EPS, RowAdamW

    every = [matrix for matrix in matrices(model) if matrix.weight.requires_grad]
    inner = [matrix for matrix in every if mine(matrix.weight)]
    weights = [matrix.weight for matrix in inner]
    known = {id(matrix.weight) for matrix in every} | ({id(table.weight)} if table else set())
    rest = [
        item for item in model.parameters() if item.requires_grad and id(item) not in known and mine(item)
    ]
    decayed = {"params": weights, "weight_decay": config.weight_decay}
    plain = {"params": rest, "weight_decay": 0.0}
    betas = (config.beta1, config.beta2)
    optimizers: list[Optimizer] = []
    if config.kind == "muon" and inner:
        rate = config.matrix_learning_rate or config.learning_rate
        optimizers.append(Muon(_by_layout(inner), rate, config.momentum, config.weight_decay))
        groups = [plain]
    else:
        groups = [decayed, plain]
    groups = [group for group in groups if group["params"]]
    if groups:
        optimizers.append(
            torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, eps=EPS, fused=True)
        )
    if table is not None:
        optimizers.append(RowAdamW(table, config.learning_rate, betas))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def clip(model: nn.Module, most: float) -> None:
    """Scales the gradient to a norm of at most `most`; of a table its rows alone are gone through."""
    import torch

    learning = [item for item in model.parameters() if item.grad is not None]
    if not any(item.grad is not None and item.grad.is_sparse for item in learning):
        torch.nn.utils.clip_grad_norm_(learning, most)
        return
    gradients = []
    for item in learning:
        assert item.grad is not None
        if item.grad.is_sparse:
            item.grad = item.grad.coalesce()
        gradients.append(item.grad._values() if item.grad.is_sparse else item.grad)
    scale = (most / (torch.nn.utils.get_total_norm(gradients) + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale)


def set_rate(optimizers: list[Optimizer], factor: float) -> None:
    """Sets every group's learning rate to `factor` times its highest."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor


def states(model: nn.Module, optimizers: list[Optimizer]) -> dict[str, Tensor]:
    """What optimisers remember of each weight, by the weight's name and theirs."""
    names: dict[Tensor, str] = {weight: name for name, weight in model.named_parameters()}
    return {
        f"{names[weight]}.{name}": tensor
        for optimizer in optimizers
        for weight, remembered in optimizer.state.items()
        for name, tensor in remembered.items()
    }


def restore(model: nn.Module, optimizers: list[Optimizer], saved: Saved) -> None:
    """Has optimisers remember what `states` gave of their weights; rates are set anew at each step."""
    import torch

    remembered: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in saved.shapes("optimizers").items():
        weight, _, name = key.rpartition(".")
        remembered.setdefault(weight, {})[name] = shape
    names, restored = {weight: name for name, weight in model.named_parameters()}, {}
    for optimizer in optimizers:
        for weight in (weight for group in optimizer.param_groups for weight in group["params"]):
            for name, shape in remembered.get(names[weight], {}).items():
                alike = tuple(weight.shape) == shape
                tensor = torch.zeros_like(weight) if alike else torch.zeros(shape, device=weight.device)
                optimizer.state[weight][name] = restored[f"{names[weight]}.{name}"] = tensor.detach()
    saved.restore("optimizers", restored)


def _by_layout(matrices: list[Matrix]) -> list[dict]:
    """Muon's groups: weights that hold as many matrices in the same places."""
    groups: dict[tuple[int, int, bool], list] = {}
    for matrix in matrices:
        groups.setdefault((matrix.parts, matrix.blocks, matrix.transposed), []).append(matrix.weight)
    names = ("parts", "blocks", "transposed")
    return [
        {"params": weights, **dict(zip(names, layout, strict=True))}
        for layout, weights in sorted(groups.items(), key=lambda item: item[0])
    ]
