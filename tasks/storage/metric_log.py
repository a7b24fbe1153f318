"""Metric points on their way to MLflow."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from mlflow.entities import Metric

from models.errors import HeadwaterError
from tasks.storage.connection import client, reaching


class MetricLog:
    """Gathers metric points and sends them every few seconds from a thread of its own.

    A call costs 36 ms, a thousand points in one call half a second, and a server that is away minutes: the work goes
    on meanwhile, and what could not be sent is kept. MLflow knows a point that it has already by its time and value,
    so one whose answer was lost may be sent again.
    """

    def __init__(self, run_id: str, every_seconds: float = 5.0) -> None:
        self._run_id = run_id
        self._every = every_seconds
        self._points: list[Metric] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._sender = threading.Thread(target=self._send_now_and_then, daemon=True)

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Add one point per value."""
        now = int(time.time() * 1000)
        with self._lock:
            self._points += [Metric(name, float(value), now, step) for name, value in values.items()]
            if self._sender.ident is None:
                self._sender.start()

    def close(self) -> None:
        """Send what has not been sent.

        Raises:
            StoreError: MLflow does not answer.
        """
        self._closing.set()
        if self._sender.ident is not None:
            self._sender.join()
        self._send()

    def _send_now_and_then(self) -> None:
        while not self._closing.wait(self._every):
            with suppress(HeadwaterError):  # `close` tries again, and says so
                self._send()

    def _send(self) -> None:
        with reaching():
            while points := self._points[:1000]:
                client().log_batch(self._run_id, metrics=points)
                with self._lock:
                    del self._points[: len(points)]
