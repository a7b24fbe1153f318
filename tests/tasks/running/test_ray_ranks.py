"""The same loop on two workers of a local Ray, started by Ray Train."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tasks.environment import Resources
from tasks.graph.refs import Ref
from tasks.running.engine import Seat
from tasks.running.execution import RunContext, produce
from tasks.running.failures import ProcessKilled
from tasks.running.job import JobSpec, Progress
from tasks.running.local import Local
from tasks.running.progress import Board
from tasks.running.training_processes import TrainingProcesses
from tasks.storage import artifacts
from tests.support.together import Learning, assert_close, assert_same, learn

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def cluster(home_folder: Path) -> Iterator[None]:
    import ray

    os.environ["RAY_AUTH_MODE"] = "disabled"
    environment = {"HEADWATER_HOME": str(home_folder), "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": environment},
    )
    yield
    ray.shutdown()


class Workers(Seat):
    """Two workers of the cluster."""

    threads, processes, device, told = 2, 2, "cpu", Board()

    def run(self, spec: JobSpec, tell: Callable[[Progress], None]) -> None:
        from tasks.running import ray_ranks

        ray_ranks.run(spec, Resources(cpus=1, processes=2), tell)


class OnWorkers(Local):
    """Every step is shared by two workers."""

    def take(self, ref: Ref) -> Seat:
        return Workers()


def made(config: Learning, context: RunContext) -> Path:
    ref = learn(config)
    produce(ref, context)
    return artifacts.files(ref)


@pytest.mark.slow
def test_ray_train_runs_the_same_loop_and_goes_on_when_a_worker_was_killed(
    context: RunContext, cluster: None
) -> None:
    on_ray = dataclasses.replace(context, engine=OnWorkers(TrainingProcesses(2), Board()))
    alone = made(Learning(word="ray alone"), context)
    together = made(Learning(word="ray together"), on_ray)
    assert_close(alone, together)
    ref = learn(Learning(word="ray killed", ends="1@3"))
    with pytest.raises(ProcessKilled):
        produce(ref, on_ray)
    produce(ref, on_ray)
    assert_same(together, artifacts.files(ref))
