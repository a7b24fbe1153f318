"""A process that is killed, and the server of a run that is killed: what is seen of it, and what goes on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prefect import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.commands.processes import Server
from flows.commands.servers import embedded_prefect
from tasks.running.killed import Watch
from tasks.storage import connection, lease, runs
from tests.support.toy_steps import Toy, write
from tests.support.waiting import until

PROJECT = Path(__file__).parents[2]
FLOW = """
from prefect import flow
from tasks.environment import Machine
from tasks.running.flow_run import Shown, flow_run
from tests.support.toy_steps import Toy, write

@flow
def toys():
    with flow_run("toys", Machine(threads=1), Shown("", {}, "")) as run:
        run.execute([write(Toy(word="slow", wait=60.0))])

toys()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADWATER_HOME", str(folder))
        patch.setenv("PREFECT_HOME", str(folder / "prefect"))
        (folder / "prefect").mkdir()
        yield folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with embedded_prefect() as started:
        assert started is not None
        api = os.environ["PREFECT_API_URL"]
        # Its caller goes on while it makes its tables, and no other process makes them too.
        assert not lease.is_free("prefect")
        started.wait_until(f"{api}/health", 90)
        assert lease.is_free("prefect")
        with temporary_settings({PREFECT_API_URL: api}):
            yield started


def test_who_asks_an_embedded_server_that_was_killed_waits_for_the_next(server: Server) -> None:
    killed = server.process.pid
    os.kill(killed, signal.SIGKILL)
    # A client of its own each time: Prefect's give up at once where a first connection is refused.
    assert httpx.get(f"{os.environ['PREFECT_API_URL']}/health", timeout=60).json() is True
    assert server.process.pid != killed


def test_a_killed_run_is_crashed_in_prefect_and_killed_in_mlflow(home: Path, server: Server) -> None:
    ref = write(Toy(word="slow"))
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen([sys.executable, "-c", FLOW], env=environment, stderr=subprocess.DEVNULL) as child:
        until(lambda: runs.unfinished(ref.key))
        watch = Watch()
        watch.look()
        watch.look()
        going_on = {run.info.run_id for run in connection.search_all(runs.running_here())}
        assert len(going_on) == 3, "those of the flow, the entry and the step are left alone while it lives"
        child.kill()
    watch.look()
    assert connection.search_all(runs.running_here()) == []
    ended = connection.search_all("attributes.status = 'KILLED'")
    assert {run.info.run_id for run in ended} == going_on
    assert {run.data.tags["headwater.reason"] for run in ended} == {"its process was killed"}

    def all_crashed() -> bool:
        watch.look()
        with get_client(sync_client=True) as client:
            every = [*client.read_flow_runs(), *client.read_task_runs()]
        return [run.state_name for run in every] == ["Crashed"] * 2

    until(all_crashed, what="the end in Prefect")  # the states of task runs come to the server a little later
