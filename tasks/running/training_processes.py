"""Long-lived child processes for numeric work.

Training there keeps the flow's own process small and answering, lets an out-of-memory kill be retried like any
other failure, and gives each job a random state and threads of its own. In each child jobs run one after another.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from tqdm import tqdm

from tasks.graph.step import TrainingProcessUse, step_of
from tasks.running.failures import Stopped
from tasks.running.job import Job, JobSpec, Progress
from tasks.running.memory import forget_peak, peak
from tasks.storage import system_metrics

PEAK_MEMORY = "memory/peak_bytes"
"""The most memory that the training process held while it did a job."""
_reports: Any = None  # the child's end of the pipe


@dataclass(frozen=True)
class Seat:
    """Where a step runs, with how many threads; `process` is None for this process."""

    process: "TrainingProcess | None"
    threads: int
    leave: Callable[[], None]


class TrainingProcesses:
    """As many children as jobs may run at once, and the threads they share; what needs no child runs here beside."""

    def __init__(self, threads: int, jobs: int = 1) -> None:
        self.threads, self._all = threads, [TrainingProcess() for _ in range(min(jobs, threads))]
        self._free = self._all[::-1]
        self._beside = threads  # seats in this process
        self._lock = threading.Lock()

    def take(self, use: TrainingProcessUse | None) -> Seat | None:
        """A free child with its share of the threads; for `exclusive` use all of them with all threads.

        None where there is no room now.
        """
        exclusive = use == "exclusive"
        count = 0 if use is None else len(self._all) if exclusive else 1
        with self._lock:
            if len(self._free) < count or (use is None and not self._beside):
                return None
            self._beside -= use is None
            # The last that became free is the next: no child is started before it is needed.
            taken = [self._free.pop() for _ in range(count)]
        if not taken:
            return Seat(None, self.threads, lambda: self._give_back(()))
        threads = self.threads if exclusive else self.threads // len(self._all)
        return Seat(taken[0], threads, lambda: self._give_back(taken))

    def stop(self) -> None:
        """Kill the children at once; work that can resume lies in its checkpoints."""
        for process in self._all:
            process.stop()

    def _give_back(self, taken: "Sequence[TrainingProcess]") -> None:
        with self._lock:
            self._beside += not taken
            self._free += reversed(taken)


class TrainingProcess:
    """Runs jobs, one at a time."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._stopped = False
        self._pool: ProcessPoolExecutor | None = None
        self._reports: Any = None

    def run(self, spec: JobSpec, tell: Callable[[Progress], None]) -> None:
        """Do a job's work in the child and pass on its progress; for who has the turn.

        Raises:
            BrokenProcessPool: when the child was killed; the next job gets a new one.
            Stopped: the run is being stopped.
            Exception: what the step's body raised.
        """
        try:
            pool = self._started()
            future = pool.submit(_work, spec)
            self._follow(future, tell)
            future.result()
        except BrokenProcessPool:
            self._pool = None
            raise

    def stop(self) -> None:
        """Kill the child at once."""
        self._stopped = True
        pool, self._pool = self._pool, None
        if pool is not None:
            for process in list((pool._processes or {}).values()):
                process.kill()
            pool.shutdown(wait=False, cancel_futures=True)

    def _started(self) -> ProcessPoolExecutor:
        pool = self._pool
        if pool is None:
            self._reports, writer = self._context.Pipe(duplex=False)
            # Known before it has started, so that `stop` finds it.
            self._pool = pool = ProcessPoolExecutor(1, self._context, initializer=_begin, initargs=(writer,))
            pool.submit(os.getpid).result()
            # With only the child's end left open, a child killed in the middle of a report is an end of file.
            writer.close()
        if self._stopped:
            raise Stopped("the run was stopped before the step began")
        return pool

    def _follow(self, future: "Future[None]", tell: Callable[[Progress], None]) -> None:
        while True:
            ended = future.done()
            try:
                if self._reports.poll(0.0 if ended else 0.2):
                    tell(self._reports.recv())
                elif ended:
                    return
            except EOFError:
                return


def _begin(reports: Any) -> None:
    """Set a child up: Ctrl-C is the parent's business, and the child ends with its parent."""
    global _reports
    _reports = reports
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Progress bars of libraries would make a lock between processes, and leave it behind when this one is killed.
    tqdm.set_lock(threading.RLock())
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _work(spec: JobSpec) -> None:
    import torch  # only the children need it

    if spec.workplace.threads is not None:
        torch.set_num_threads(spec.workplace.threads)
    body = step_of(spec.ref).fn
    forget_peak()
    with closing(Job(spec, _reports.send)) as job, system_metrics.watched(spec.run_id):
        body(job, spec.ref.config, **spec.ref.inputs)
        job.metrics({PEAK_MEMORY: peak()})
