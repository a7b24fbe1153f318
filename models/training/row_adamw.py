"""AdamW for a table of which a step reads a few rows, as token embeddings are.

AdamW moves every weight in every step, also those without a gradient, by what it remembers of them. Of a table of many
thousands of rows a batch reads some hundreds: all else is zeros to write, to sum up, to clip and to go through. Here a
row that is not read is owed its moves, and gets them at once when it is read again: between two readings nothing
of it changes but by known factors, so they are a number for the row times the same direction. What comes out is AdamW
without weight decay, up to rounding, and to `eps` which in between is taken to stay in proportion.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

EPS = 1e-8
"""What AdamW adds to a divisor, of rows and of whole weights alike."""


class RowAdamW(torch.optim.Optimizer):
    """Moves the rows of one table that have a gradient, and owes the others.

    Its state is what AdamW's is, and of each row whether it was ever read (`seen`; one that was not has nowhere to
    move), for how many steps it has not been since (`idle`), and how far it has to move for them (`owed`).
    """

    def __init__(self, table: nn.Embedding, lr: float, betas: tuple[float, float]) -> None:
        super().__init__([table.weight], {"lr": lr, "betas": betas})
        self._table = table

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within it the table's gradient has the rows alone that were read, and each is paid before it is read."""
        sparse, self._table.sparse = self._table.sparse, True
        hook = self._table.register_forward_pre_hook(self._before_reading)
        try:
            yield
        finally:
            hook.remove()
            self._table.sparse = sparse

    def _before_reading(self, table: nn.Module, given: tuple[Tensor]) -> None:
        if table.training:
            self.settle(given[0].unique())

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Moves the rows with a gradient, which were paid before; a closure is not supported."""
        if closure is not None:
            raise ValueError("RowAdamW takes no closure")
        weight, group = self._table.weight, self.param_groups[0]
        state, (first, second) = self._state(), group["betas"]
        state["step"] += 1
        steps = state["step"].item()
        unbiased = math.sqrt(1 - second**steps)
        pace = group["lr"] * unbiased / (1 - first**steps)
        state["idle"] += state["seen"]
        state["owed"].add_((first / math.sqrt(second)) ** state["idle"], alpha=pace)
        if weight.grad is None:
            return
        gradient = weight.grad.coalesce()
        rows, values = gradient.indices()[0], gradient.values()
        mean = state["exp_avg"].index_select(0, rows).lerp_(values, 1 - first)
        square = state["exp_avg_sq"].index_select(0, rows).mul_(second)
        square.addcmul_(values, values, value=1 - second)
        weight.index_add_(0, rows, mean / square.sqrt().add_(EPS * unbiased), alpha=-pace)
        state["seen"].index_fill_(0, rows, 1.0)
        self._put(rows, mean, square)

    @torch.no_grad()
    def settle(self, rows: Tensor | None = None) -> None:
        """Pays what `rows`, each named once, are owed; None: all."""
        weight = self._table.weight
        if not self.state[weight]:
            return
        state, (first, second) = self._state(), self.param_groups[0]["betas"]
        rows = state["idle"].nonzero()[:, 0] if rows is None else rows[state["idle"][rows] > 0]
        idle = state["idle"][rows, None]
        mean, square = (state[name].index_select(0, rows) for name in ("exp_avg", "exp_avg_sq"))
        move = mean / square.sqrt().add_(EPS)
        weight.index_add_(0, rows, move.mul_(state["owed"][rows, None]), alpha=-1)
        self._put(rows, mean.mul_(first**idle), square.mul_(second**idle))

    def _put(self, rows: Tensor, mean: Tensor, square: Tensor) -> None:
        """What is remembered of rows that are owed nothing now."""
        state = self._state()
        state["exp_avg"].index_copy_(0, rows, mean)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        for name in ("idle", "owed"):
            state[name].index_fill_(0, rows, 0.0)

    def _state(self) -> dict[str, Tensor]:
        weight = self._table.weight
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())
            state |= {name: torch.zeros_like(weight).detach() for name in ("exp_avg", "exp_avg_sq")}
        if "idle" not in state:  # also where it goes on from what AdamW remembered, on a GPU say
            state |= {name: weight.new_zeros(len(weight)).detach() for name in ("idle", "owed")}
            state["seen"] = state["exp_avg_sq"].any(dim=1).to(weight.dtype)
        return state


@contextmanager
def watching(optimizers: Iterable[torch.optim.Optimizer]) -> Iterator[None]:
    """Within it those of them that move rows see which are read."""
    with ExitStack() as stack:
        for optimizer in optimizers:
            if isinstance(optimizer, RowAdamW):
                stack.enter_context(optimizer.watching())
        yield


def settle(optimizers: Iterable[torch.optim.Optimizer]) -> None:
    """After it all weights are what they would be had every one been moved in every step."""
    for optimizer in optimizers:
        if isinstance(optimizer, RowAdamW):
            optimizer.settle()


def settle_elsewhere(optimizers: Iterable[torch.optim.Optimizer]) -> None:
    """After a checkpoint was read: a table that is moved whole from here on, on a GPU say, gets what it was owed."""
    for optimizer in optimizers:
        for weight, state in () if isinstance(optimizer, RowAdamW) else optimizer.state.items():
            if "owed" in state:
                table = nn.Embedding.from_pretrained(weight.detach(), freeze=False)  # the same numbers
                owing = RowAdamW(table, optimizer.defaults["lr"], optimizer.defaults["betas"])
                owing.state[table.weight] = state
                owing.settle()
                for name in state.keys() - {"step", "exp_avg", "exp_avg_sq"}:
                    del state[name]


def table_of(model: nn.Module) -> nn.Embedding | None:
    """The token embeddings of a model, where a training moves them and they serve for nothing else."""
    get = getattr(model, "get_input_embeddings", None)
    table = get() if get is not None else None
    if type(table) is not nn.Embedding or not table.weight.requires_grad or table.max_norm is not None:
        return None
    owners = [
        own for own in model.modules() if any(item is table.weight for item in own._parameters.values())
    ]
    return table if len(owners) == 1 and table.weight.device.type == "cpu" else None
