"""All that is true without an orchestrator: no Prefect, no MLflow in here."""

import os

# Threads of OpenMP wait for each other by spinning, and with a neighbour on one of their cores are several times slower
# than a single one (benchmarks/threads.py). Asleep they cost little, and bits are the same. torch reads it when loaded.
_WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
if not _WAITING.keys() & os.environ.keys():
    os.environ.update(_WAITING)
