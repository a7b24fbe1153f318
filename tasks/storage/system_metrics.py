"""How busy the machine is while a model is trained: `system/…` on the page of the run."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.storage.connection import tracking_uri
from tasks.storage.decoration import decorating

SECONDS = 5
"""Between two samples; shorter steps have none. MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL sets another."""


@contextmanager
def watched(run_id: str) -> Iterator[None]:
    """Samples CPU, memory, disk, network and GPU for as long as it lasts, in a thread that ends with the process."""
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    logging.getLogger("mlflow.system_metrics").setLevel(
        logging.ERROR
    )  # that a server is away is said elsewhere
    monitor = None
    with decorating("the machine's load"):
        monitor = SystemMetricsMonitor(run_id, sampling_interval=SECONDS, tracking_uri=tracking_uri())
        monitor.start()
    try:
        yield
    finally:
        if monitor is not None:
            monitor.finish()
