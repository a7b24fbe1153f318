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
    """What `device` (auto, cpu or cuda) and `precision` come to on this machine.

    Raises:
        DataError: a GPU is asked for and there is none, or bfloat16 of a GPU that lacks it.
    """
    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise DataError("device: cuda, but torch sees no GPU here; set device: auto or cpu")
    use_gpu = has_gpu and device != "cpu"
    able = use_gpu and torch.cuda.is_bf16_supported()
    if precision == "bf16" and use_gpu and not able:
        raise DataError("precision: bf16, but this GPU does not compute in it; set precision: fp32")
    return Hardware(
        torch.device("cuda" if use_gpu else "cpu"), able if precision == "auto" else precision == "bf16"
    )
