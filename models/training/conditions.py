"""What holds for as long as a training lasts: reproducible numbers, and states that are computed again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from models.errors import DataError


@contextmanager
def reproducible(device: torch.device, threads: int | None) -> Iterator[None]:
    """Deterministic kernels, and so many threads."""
    before, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    settings: Any = torch.utils.deterministic
    fill, settings.fill_uninitialized_memory = settings.fill_uninitialized_memory, False  # it only costs time
    torch.set_num_threads(threads or before)
    torch.set_flush_denormal(True)  # decayed moments of rare tokens become denormal, a hundred times slower
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(deterministic)
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
    caching = getattr(model.config, "use_cache", None)
    if caching:
        model.config.use_cache = False
    model.activation_checkpointing_enable({"use_reentrant": False})
    model.disable_input_require_grads()  # only the reentrant kind needs gradients of what stays frozen
    try:
        yield
    finally:
        model.activation_checkpointing_disable()
        if caching:
            model.config.use_cache = caching
