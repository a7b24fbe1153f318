"""Batches that a thread makes ahead of the training, so that a device never waits for them."""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
AHEAD = 2
"""Steps. On a CPU there is nothing to win: the thread would take its time from the training's own."""


def steps_ahead(device: torch.device) -> int:
    """For how many steps batches are made ahead where the training computes on `device`."""
    return 0 if device.type == "cpu" else AHEAD


def made_ahead(make: Callable[[int], T], steps: range, ahead: int, device: torch.device) -> Generator[T]:
    """What `make`, a pure function, gives for each of `steps`; made by a thread, at most `ahead` of them waiting.

    What it raises is raised when its step has come. The thread ends with the iterator (`close`).
    """
    if not ahead:
        yield from map(make, steps)
        return
    pool = ThreadPoolExecutor(1, "batches", initializer=_begin, initargs=(device,))
    try:
        waiting = deque(pool.submit(make, step) for step in steps[:ahead])
        for step in steps[ahead:]:
            made = waiting.popleft().result()
            waiting.append(pool.submit(make, step))
            yield made
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(device: torch.device) -> None:
    """What torch keeps for each thread: on which GPU memory is pinned, and how small numbers may be."""
    torch.set_flush_denormal(True)
    if device.type == "cuda":
        torch.cuda.set_device(device)
