"""Waits for what comes in its own time, so that how fast a machine is decides no test."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], seconds: float = 60.0, what: str = "what was waited for") -> None:
    """Wait until `condition` holds; the seconds bound what hangs, and say nothing of how long it should take."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:.0f} s"
        time.sleep(0.05)
