"""What a training process does: one job after another, until the process that started it is gone."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from tqdm import tqdm

from tasks.graph.refs import Ref
from tasks.graph.step import step_of
from tasks.running.job import Helping, Job, JobSpec, Progress
from tasks.running.memory import forget_peak, keep_for_others, peak
from tasks.storage import system_metrics

if TYPE_CHECKING:
    from models.training.distributed import Team

PEAK_MEMORY = "memory/peak_bytes"
"""The most memory that a job held: of several processes that share it, the sum."""
_LARGEST = "memory/peak_bytes_of_a_process"
"""And the most that one of them held."""


def begin() -> None:
    """Set a training process up: Ctrl-C is the parent's business, and the process ends with its parent."""
    keep_for_others()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Progress bars of libraries would make a lock between processes, and leave it behind when this one is killed.
    tqdm.set_lock(threading.RLock())
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def do(spec: JobSpec, tell: Callable[[Progress], None]) -> None:
    """Do a job, or this process's part of it where several share it."""
    together = _team(spec) if computes(spec.ref) else None
    forget_peak()
    if together is not None and not together.leads:
        _body(Helping(spec), spec)
        together.gathered(peak())
        return
    with closing(Job(spec, tell)) as job, system_metrics.watched(spec.run_id):
        _body(job, spec)
        peaks = [peak()] if together is None else together.gathered(peak())
        job.metrics({PEAK_MEMORY: sum(peaks)})
        if len(peaks) > 1:
            job.metrics({_LARGEST: max(peaks)})


def do_here(spec: JobSpec, tell: Callable[[Progress], None]) -> None:
    """Do a job that needs no training process, among whatever else this process does."""
    with closing(Job(spec, tell)) as job:
        _body(job, spec)


def _body(job: Job, spec: JobSpec) -> None:
    step_of(spec.ref).fn(job, spec.ref.config, **spec.ref.inputs)


def _team(spec: JobSpec) -> "Team":
    """The processes that share a job which computes, this one ready for it."""
    import scipy.linalg  # noqa: F401 with a BLAS of its own, which has to be there to be told
    import torch  # only training processes need it
    from threadpoolctl import threadpool_limits

    from models.training.distributed import team

    if spec.workplace.threads is not None:
        torch.set_num_threads(spec.workplace.threads)
        # More threads than cores wait for one another: a fit of 0.1 s of work then takes a minute.
        threadpool_limits(spec.workplace.threads, user_api="blas")
    return team()


def computes(ref: Ref) -> bool:
    """Whether a step's code uses torch, which takes seconds to import and hundreds of megabytes."""
    return "torch" in ref.made_of["libraries"]
