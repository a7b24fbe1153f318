"""One job on several processes of a Ray cluster: Ray Train starts them and opens their process group.

The job's folders must lie on storage that all nodes see: the first process fills `out`, all read checkpoints.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from ray.exceptions import RayError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2._internal.exceptions import RayTrainError
from ray.train.v2.api.exceptions import TrainingFailedError, WorkerGroupError
from ray.util.queue import Empty, Queue

from models.training.distributed import PATIENCE, lost_another
from tasks.environment import Resources, prepare
from tasks.running import resources, work
from tasks.running.failures import ProcessKilled
from tasks.running.job import JobSpec, Progress
from tasks.running.teller import Teller

_NEWS_SECONDS = 0.5


def run(spec: JobSpec, asks: Resources, tell: Callable[[Progress], None]) -> None:
    """Do a job on the processes that it asks for of the cluster that this process has joined, each with its share.

    Raises:
        ProcessKilled: one of them, or the node it was on, is gone; the others are stopped.
        Exception: what the step's body raised in one of them; the others are stopped.
    """
    each = resources.counted(asks)
    gpu = "GPU" in each
    spec = replace(spec, workplace=replace(spec.workplace, threads=asks.cpus, processes=asks.processes))
    with _told(tell) as queue:
        trainer = TorchTrainer(
            _work,
            train_loop_config={"spec": spec, "queue": queue},
            torch_config=TorchConfig(
                backend="cpu:gloo,cuda:nccl" if gpu else "gloo", timeout_s=int(PATIENCE.total_seconds())
            ),
            scaling_config=ScalingConfig(
                num_workers=asks.processes, use_gpu=gpu, resources_per_worker=dict(each)
            ),
            run_config=RunConfig(
                storage_path=str(spec.out.parent / "ray"),
                failure_config=FailureConfig(max_failures=0),  # what may heal is tried again by the step
            ),
        )
        try:
            trainer.fit()
        except TrainingFailedError as failed:
            raise _cause(failed) from failed


def _work(given: dict[str, Any]) -> None:
    """What one of them does."""
    prepare()
    work.do(given["spec"], Teller(given["queue"]).show)


@contextmanager
def _told(tell: Callable[[Progress], None]) -> Iterator[Queue]:
    """What the first process says is passed on, by a thread, as long as this lasts."""
    queue, over = Queue(actor_options={"num_cpus": 0}), threading.Event()

    def pass_on() -> None:
        while not over.is_set():
            with suppress(Empty, RayError):
                tell(queue.get(timeout=_NEWS_SECONDS))

    listener = threading.Thread(target=pass_on, daemon=True)
    listener.start()
    try:
        yield queue
    finally:
        over.set()
        listener.join()
        queue.shutdown(force=True)


def _cause(failed: TrainingFailedError) -> BaseException:
    """What was raised in one of them, for which the others were stopped; else one is gone, and said nothing."""
    found = failed.worker_failures.values() if isinstance(failed, WorkerGroupError) else ()
    raised = [getattr(error, "_base_exc", error) for error in found]
    for error in raised:
        if not isinstance(error, RayError | RayTrainError) and not lost_another(error):
            return error
    return ProcessKilled(str(failed).splitlines()[0])
