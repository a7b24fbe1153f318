"""Where numbers are computed, and in which precision."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from models.errors import DataError
from models.training.settings import Precision


@dataclass(frozen=True)
class Hardware:
    """A device, and whether products are computed in bfloat16; weights and optimizers stay in float32."""

    device: Any
    """A `torch.device`; transformers' own `to` is not typed to take one."""
    bf16: bool

    @property
    def sums(self) -> torch.dtype:
        """What losses are summed in."""
        return torch.float32 if self.device.type == "mps" else torch.float64  # Metal has no float64

    def autocast(self) -> AbstractContextManager[Any]:
        """Within it a model computes in this precision."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()


def hardware(device: str, precision: Precision = "auto") -> Hardware:
    """What `device` (auto, cpu, cuda, cuda:N or mps) and `precision` come to on this machine.

    Raises:
        DataError: a GPU is asked for that is not there, or bfloat16 of one that lacks it.
    """
    chosen = _device(device)
    able = chosen.type == "cuda" and _computes_bf16(chosen)
    if precision == "bf16" and chosen.type == "cuda" and not able:
        raise DataError("precision: bf16, but this GPU does not compute in it; set precision: fp32")
    return Hardware(chosen, able if precision == "auto" else precision == "bf16")


def _device(name: str) -> torch.device:
    """`auto` takes an NVIDIA or AMD GPU if there is one. Apple's is taken only by name: not all is tried there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DataError("device: mps, but torch sees no Apple GPU here; set device: auto or cpu")
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if not count:
            raise DataError(f"device: {name}, but torch sees no GPU here; set device: auto or cpu")
        if device.index is None:  # each of several processes has made one of them its own
            return torch.device("cuda", torch.cuda.current_device())
        if device.index >= count:
            raise DataError(f"device: {name}, but the last GPU here is cuda:{count - 1}")
    return device


def _computes_bf16(device: torch.device) -> bool:
    """In hardware: an older GPU that emulates it is slower with it than without."""
    with torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)
