"""torch.compile, for as long as a training lasts."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from models.training.conditions import uncached
from models.training.settings import Compile

logger = logging.getLogger(__name__)
LONG = 1_000
"""Steps that are worth a minute's translation."""


@contextmanager
def compiled(model: nn.Module, wanted: Compile, device: torch.device, steps: int) -> Iterator[None]:
    """The layers of `model` run as kernels made for them, where that is wanted and can be done.

    It is the layers that are translated, once for all that are alike: heads and losses differ in each task, and cost
    little. Numbers of rows and tokens stay open, so that another length is no new translation; what cannot be
    translated runs as it is. Names and files of weights stay as they are.
    """
    on = wanted is True or (wanted == "auto" and device.type == "cuda" and steps >= LONG)
    layers = repeated(model) if on and _able(device) else []
    dynamo: Any = torch._dynamo if layers else None
    before = dynamo.config.suppress_errors if dynamo else False
    for layer in layers:
        layer.compile(dynamic=True)
    if dynamo:
        dynamo.config.suppress_errors = True
    try:
        with uncached(model) if layers else nullcontext():
            yield
    finally:
        for layer in layers:
            layer._compiled_call_impl = None
        if dynamo:
            dynamo.config.suppress_errors = before


def repeated(model: nn.Module) -> list[nn.Module]:
    """The layers of the model's stacks: what stands several times over in a list of modules."""
    stacks = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    return [layer for stack in stacks for layer in stack if {type(layer)} == {type(each) for each in stack}]


def _able(device: torch.device) -> bool:
    """Whether a compiler is there; else says what is missing."""
    try:
        torch.compile(lambda x: x * 2 + 1, dynamic=True)(torch.ones(3, device=device))
    except Exception as error:  # noqa: BLE001  a compiler may fail in its own ways
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        logger.warning(
            "compile: torch.compile does not work here, so training goes on without: %s. It needs a C++ compiler, "
            "and Triton on a GPU; with compile: false nothing is tried",
            reason,
        )
        return False
    return True
