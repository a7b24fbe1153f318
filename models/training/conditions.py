"""What holds for as long as a training lasts: how numbers are computed, and which are kept."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from models.errors import DataError
from models.training.hardware import Hardware
from models.training.kept_memory import keeping_memory


@contextmanager
def computing(hardware: Hardware, threads: int | None, deterministic: bool) -> Iterator[None]:
    """So many threads, the device's own ways, and kernels that are deterministic on the CPU and where asked for.

    A GPU on which bfloat16 is precise enough may also round the inputs of what is left in float32 (TF32).
    """
    before, was, precision = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_float32_matmul_precision(),
    )
    settings: Any = torch.utils.deterministic
    fill, settings.fill_uninitialized_memory = settings.fill_uninitialized_memory, False  # it only costs time
    torch.set_num_threads(threads or before)
    torch.set_flush_denormal(True)  # decayed moments of rare tokens become denormal, a hundred times slower
    on_cpu = hardware.device.type == "cpu"
    if hardware.device.type == "cuda":
        torch.cuda.set_device(hardware.device)
        torch.set_float32_matmul_precision("high" if hardware.bf16 else "highest")
    if deterministic and not on_cpu:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    torch.use_deterministic_algorithms(on_cpu or deterministic, warn_only=not on_cpu)
    try:
        with keeping_memory():
            yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(was)
        torch.set_float32_matmul_precision(precision)
        settings.fill_uninitialized_memory = fill


@contextmanager
def recomputing(model: Any, wanted: bool) -> Iterator[None]:
    """Inner states are computed again for the gradient, where that is wanted.

    Raises:
        DataError: transformers cannot do it for this model.
    """
    if not wanted:
        yield
        return
    if not getattr(model, "supports_gradient_checkpointing", False):
        raise DataError(
            f"gradient_checkpointing: transformers cannot do it for {type(model).__name__}; set it to false"
        )
    with uncached(model):
        model.activation_checkpointing_enable({"use_reentrant": False})
        model.disable_input_require_grads()  # only the reentrant kind needs gradients of what stays frozen
        try:
            yield
        finally:
            model.activation_checkpointing_disable()


@contextmanager
def uncached(model: Any) -> Iterator[None]:
    """A decoder keeps no keys and values for a next token, which layers fill one after the other.

    It is not so in every training: without them `transformers` looks at positions first, for which a GPU waits.
    """
    config = getattr(model, "config", None)
    caching = getattr(config, "use_cache", None)
    if caching:
        model.config.use_cache = False
    try:
        yield
    finally:
        if caching:
            model.config.use_cache = caching
