"""Long-lived child processes for numeric work.

Training there keeps the flow's own process small and answering, lets an out-of-memory kill be retried like any
other failure, and gives each job a random state and threads of its own. In each child jobs run one after another.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from tasks.graph.step import TrainingProcessUse
from tasks.running import ranks, work
from tasks.running.failures import Stopped
from tasks.running.job import JobSpec, Progress

_reports: Any = None  # the child's end of the pipe


@dataclass(frozen=True)
class Room:
    """Where there is room for a step, with how many threads; `process` is None for this process."""

    process: "TrainingProcess | None"
    threads: int
    leave: Callable[[], None]
    processes: int = 1
    """Into how many it divides its work; 0: one a GPU."""


class TrainingProcesses:
    """As many children as jobs may run at once, and the threads they share; what needs no child runs here beside."""

    def __init__(self, threads: int, jobs: int = 1, processes: int = 1, pretrainings: int = 1) -> None:
        self.threads, self._all = threads, [TrainingProcess() for _ in range(min(jobs, threads))]
        self._processes, self._pretrainings = processes, min(pretrainings, len(self._all))
        self._free = self._all[::-1]
        self._beside, self._left = threads, self._pretrainings  # seats in this process, and of pretrainings
        self._lock = threading.Lock()

    def take(self, use: TrainingProcessUse | None) -> Room | None:
        """A free child with its share of the threads; for `exclusive` use a pretraining's share of both, which is all
        where there is one at a time, and which the child divides among as many processes as it is to have.

        None where there is no room now.
        """
        exclusive = use == "exclusive"
        count = 0 if use is None else len(self._all) // self._pretrainings if exclusive else 1
        with self._lock:
            if len(self._free) < count or not (self._beside if use is None else self._left or not exclusive):
                return None
            self._beside -= use is None
            self._left -= exclusive
            # The last that became free is the next: no child is started before it is needed.
            taken = [self._free.pop() for _ in range(count)]
        if not taken:
            return Room(None, self.threads, lambda: self._give_back((), use))
        threads = self.threads // (self._pretrainings if exclusive else len(self._all))
        return Room(
            taken[0], threads, lambda: self._give_back(taken, use), self._processes if exclusive else 1
        )

    def stop(self) -> None:
        """Kill the children at once; work that can resume lies in its checkpoints."""
        for process in self._all:
            process.stop()

    def _give_back(self, taken: "Sequence[TrainingProcess]", use: TrainingProcessUse | None) -> None:
        with self._lock:
            self._beside += use is None
            self._left += use == "exclusive"
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
            self._follow(future, spec.run_id, tell)
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

    def _follow(self, future: "Future[None]", run_id: str, tell: Callable[[Progress], None]) -> None:
        """Until the last report of this job, its run id; of one that nobody followed to its end there may be some."""
        while True:
            ended = future.done()
            try:
                if self._reports.poll(0.0 if ended else 0.2):
                    report = self._reports.recv()
                    if report == run_id:
                        return
                    if isinstance(report, Progress):
                        tell(report)
                elif ended:
                    return
            except EOFError:
                return


def _begin(reports: Any) -> None:
    global _reports
    _reports = reports
    work.begin()


def _work(spec: JobSpec) -> None:
    try:
        _do(spec)
    finally:
        _reports.send(spec.run_id)


def _do(spec: JobSpec) -> None:
    if not work.computes(spec.ref):
        work.do(spec, _reports.send)
        return
    from models.training import distributed  # torch, which only the children need

    workplace = spec.workplace
    processes = distributed.wanted(workplace.processes, workplace.device)
    if processes == 1:
        work.do(spec, _reports.send)
    else:
        ranks.run(spec, processes, _reports)
