"""Where weights lie, and what optimizers remember of them, where several processes learn one model together."""

import copy
import warnings
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from models.training import optimizers
from models.training.distributed import Team
from models.training.optimizers import OptimizerConfig
from models.training.row_adamw import table_of
from models.training.settings import Sharding

M = TypeVar("M", bound=nn.Module)


class Layout(Generic[M]):
    """Everything in each process, the same in all."""

    apart = False
    """Whether each process holds what others do not."""

    def __init__(self, model: M, device: Any, team: Team) -> None:
        self.team = team
        self.model: M = model.to(device)
        team.start_alike(self.model)

    def optimizers(self, config: OptimizerConfig, by_row: bool = False) -> list[torch.optim.Optimizer]:
        """Those of the weights that this process moves.

        Args:
            by_row: whether a process that is alone moves of token embeddings the rows that are read.
        """
        table = table_of(self.model) if by_row and self.team.size == 1 else None
        return optimizers.build(self.model, config, table=table)

    def sum_gradients(self) -> None:
        """After the last gradient of a step: all processes' are summed."""
        self.team.sum_gradients(self.model)

    def moved(self) -> None:
        """After the optimizers' step."""

    def weights(self) -> Mapping[str, Tensor]:
        """By name, for checkpoints."""
        return self.model.state_dict()

    def kept(self) -> Mapping[str, Tensor]:
        """Those of the best weights that this process keeps: all, where it leads."""
        return self.weights() if self.team.leads else {}

    def finish(self) -> None:
        """Gives the model that `train` was called with its weights, in the process that leads."""


class OptimizersApart(Layout[M]):
    """Each process has the optimizers of some weights alone, which it moves for the others (ZeRO's first stage)."""

    apart = True

    def optimizers(self, config: OptimizerConfig, by_row: bool = False) -> list[torch.optim.Optimizer]:
        learning: list[Tensor] = [weight for weight in self.model.parameters() if weight.requires_grad]
        self._owned = _dealt(learning, self.team.size)
        mine = {id(weight) for weight in self._owned[self.team.rank]}
        return optimizers.build(self.model, config, lambda weight: id(weight) in mine)

    def moved(self) -> None:
        for rank, weights in enumerate(self._owned):
            self.team.give(weights, rank)


class AllApart(Layout[M]):
    """Each process holds some rows of every weight, its gradient and what is remembered of it (FSDP).

    The whole of a layer is there while it is computed. The model that is learnt has the caller's layers, whose weights
    it takes over and gives back in the end.
    """

    apart = True

    def __init__(self, model: M, device: Any, team: Team) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import FSDPModule, fully_shard

        self.team, self._caller = team, model
        team.start_alike(model)
        kept = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
        self.model = copy.deepcopy(model, kept)
        _leave_empty(model)
        mesh = init_device_mesh(device.type, (team.size,))
        for block in _blocks(self.model):
            fully_shard(block, mesh=mesh)
        fully_shard(self.model, mesh=mesh)
        for module in self.model.modules():
            if isinstance(module, FSDPModule):
                module.set_gradient_divide_factor(1.0)  # gradients are summed: parts know their share
                module.set_force_sum_reduction_for_comms(True)  # else by an operation that gloo lacks
        # Nobody changes logits in their place, which it warns of in each process.
        warnings.filterwarnings("ignore", "FSDP2-wrapped module", UserWarning)

    def sum_gradients(self) -> None:
        """They are already: each layer's as soon as it is there."""

    def weights(self) -> Mapping[str, Tensor]:
        own = {name for name, _ in (*self.model.named_parameters(), *self.model.named_buffers())}
        return {name: tensor for name, tensor in self.model.state_dict().items() if name in own}

    def kept(self) -> Mapping[str, Tensor]:
        return self.weights()

    def finish(self) -> None:
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

        whole = get_model_state_dict(
            self.model, options=StateDictOptions(full_state_dict=True, cpu_offload=True)
        )
        if self.team.leads:
            self._caller.load_state_dict(whole, assign=True)
            tie = getattr(self._caller, "tie_weights", None)
            if tie is not None:
                tie()
            self._caller.eval()


_LAYOUTS: dict[Sharding, type[Layout]] = {"none": Layout, "optimizer": OptimizersApart, "full": AllApart}


def layout(model: M, device: Any, team: Team, sharding: Sharding) -> Layout[M]:
    """How it lies; a process that is alone holds everything."""
    return (_LAYOUTS[sharding] if team.size > 1 else Layout)(model, device, team)


def _dealt(weights: list[Tensor], size: int) -> list[list[Tensor]]:
    """Weights dealt out so that each process has about as many numbers: the largest first, to who has least."""
    hands: list[list[Tensor]] = [[] for _ in range(size)]
    held = [0] * size
    for weight in sorted(weights, key=lambda weight: -weight.numel()):
        least = held.index(min(held))
        hands[least].append(weight)
        held[least] += weight.numel()
    return hands


def _blocks(model: nn.Module) -> list[nn.Module]:
    """The layers that are gone through one after another: those in lists that are in no other list."""
    lists = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    outer = [item for item in lists if not any(item[0].startswith(f"{name}.") for name, _ in lists)]
    return [block for _, module in outer for block in module]


def _leave_empty(model: nn.Module) -> None:
    """Takes the weights out of a model, which keeps their shapes."""
    empty = {
        id(weight): nn.Parameter(torch.empty_like(weight, device="meta"), weight.requires_grad)
        for weight in model.parameters()
    }
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = empty[id(weight)]
