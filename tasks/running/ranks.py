"""One job on several processes of this machine: they are started together, and end together.

They are children of the training process that has the job, and find each other by a file. `torch.multiprocessing`
starts them, as it starts functions for `torchrun`; libraries find what `torchrun` tells them in the environment.
"""

import logging
import os
import pickle
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.running import work
from tasks.running.failures import ProcessKilled
from tasks.running.job import JobSpec


def run(spec: JobSpec, processes: int, reports: Connection) -> None:
    """Do a job on so many processes, which share its threads.

    Args:
        reports: where the first one tells of its progress.

    Raises:
        ProcessKilled: one of them was killed; the others are stopped.
        Exception: what the step's body raised in one of them; the others are stopped.
    """
    from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes

    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)  # whom it stops is no news
    threads = spec.workplace.threads
    share = None if threads is None else max(1, threads // processes)
    spec = replace(spec, workplace=replace(spec.workplace, threads=share, processes=processes))
    with TemporaryDirectory(
        dir=spec.out.parent
    ) as place:  # there, what a kill leaves goes with the step's folder
        context = start_processes(_work, (spec, reports, Path(place)), processes, join=False)
        assert context is not None
        try:
            while not context.join():
                pass
        except (ProcessExitedException, ProcessRaisedException) as failed:
            raise _cause(failed.error_index, Path(place)) from failed


def _work(rank: int, spec: JobSpec, reports: Connection, place: Path) -> None:
    """What one of them does."""
    from models.training import distributed

    work.begin()
    size = spec.workplace.processes
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)}
    try:
        with distributed.joined(rank, size, spec.workplace.device, place / "meeting"):
            work.do(spec, reports.send)
    except Exception as error:
        if not distributed.lost_another(error):  # else another one knows why
            _error_of(rank, place).write_bytes(_carried(error))
        raise SystemExit(1) from error


def _cause(first: int, place: Path) -> BaseException:
    """Why they were stopped: what the first to fail has raised, or another; else one was killed, and said nothing."""
    for path in (_error_of(first, place), *sorted(place.glob("*.error"))):
        if path.is_file():
            return pickle.loads(path.read_bytes())
    return ProcessKilled(f"process {first} was killed")


def _carried(error: Exception) -> bytes:
    """An error as it crosses to another process, in words where it cannot."""
    try:
        pickle.loads(carried := pickle.dumps(error))
    except Exception:  # noqa: BLE001 whatever is wrong with it, it is not what has to be told
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return carried


def _error_of(rank: int, place: Path) -> Path:
    return place / f"{rank}.error"
