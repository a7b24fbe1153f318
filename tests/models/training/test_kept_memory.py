"""Memory that is given back is used again, and goes back to the system before another step begins."""

import resource
import sys

import psutil
import pytest
import torch

from models.training.kept_memory import keeping_memory
from tasks.running.memory import forget_peak

MB = 1 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have their own ways")


def pages(rounds: int = 20) -> int:
    """That the system makes while a step's tensors come and go."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        several = [torch.ones(5 * MB // 4) for _ in range(16)]
        del several
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def held() -> int:
    """Bytes of this process that are in memory."""
    return psutil.Process().memory_info().rss


def test_a_step_uses_the_memory_of_the_last_one_and_goes_back_before_another_begins() -> None:
    before = held()
    with keeping_memory():
        pages(1)
        assert pages() < 0.05 * 20 * 16 * 5 * MB / resource.getpagesize()
        assert held() > before + 60 * MB
    forget_peak()  # as each step begins
    assert held() < before + 20 * MB
