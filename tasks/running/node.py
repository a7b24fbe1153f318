"""What runs on a node of a cluster: steps, in Ray's own processes; and a look at the node beforehand."""

import importlib.metadata
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from models import outside
from models.errors import HeadwaterError
from tasks.environment import Machine, Resources, home, prepare, public
from tasks.graph import identity
from tasks.graph.refs import Ref
from tasks.graph.step import step_of
from tasks.running import work
from tasks.running.engine import Seat
from tasks.running.failures import STOPPING
from tasks.running.job import JobSpec, Progress
from tasks.running.progress import LOG
from tasks.running.teller import Teller
from tasks.storage import connection, origin

_ANSWER_SECONDS = 10


class NodeSeat(Seat):
    """The process that Ray gives to a task, with the processors and GPUs it asked for."""

    def __init__(self, asks: Resources, machine: Machine, teller: Teller, made_by: Mapping[str, str]) -> None:
        self.asks, self.processes = asks, asks.processes
        self.threads = (asks.cpus or 1) * asks.processes
        self.device = machine.device if asks.gpus else "cpu"
        self.told = self._teller = teller
        self._made_by = made_by

    def run(self, spec: JobSpec, tell: Callable[[Progress], None]) -> None:
        """Do it in this process; what several share, in as many that Ray Train starts."""
        if self.processes > 1:
            from tasks.running import ray_ranks  # Ray Train, which takes seconds to import

            ray_ranks.run(spec, self.asks, tell)
        elif step_of(spec.ref).process(spec.ref) is not None:
            work.do(spec, tell)
        else:
            work.do_here(spec, tell)

    @contextmanager
    def sitting(self, ref: Ref) -> Iterator[None]:
        """Make Ray's process one in which steps can run, and be stopped: Ray cancels a task by SIGINT, which a process
        that was started in the background ignores."""
        prepare()
        STOPPING.clear()
        origin.told(self._made_by)
        outside.look_in(Path.cwd())  # Ray has put the code of others there too
        before = signal.signal(signal.SIGINT, _stop)
        LOG.addHandler(self._teller)
        try:
            if wrong := unlike(ref.made_of.get("libraries", {})):
                raise HeadwaterError(f"node {_name()}: {wrong}")
            with connection.patience():
                yield
        finally:
            LOG.removeHandler(self._teller)
            signal.signal(signal.SIGINT, before)


def _stop(*_: object) -> None:
    STOPPING.set()
    raise KeyboardInterrupt


def looked_at(probe: Path, libraries: Mapping[str, str]) -> list[str]:
    """What keeps this node from doing steps, a line each.

    Args:
        probe: a file that the run has put into its home folder.
        libraries: those that keys take in, with their versions.
    """
    prepare()
    found = []
    if not probe.is_file():
        found.append(
            f"it does not see the home folder {home()}: put HEADWATER_HOME on storage that every node has at the "
            "same path"
        )
    if wrong := unlike(libraries):
        found.append(wrong)
    if wrong := _unanswered():
        found.append(wrong)
    return found


def unlike(libraries: Mapping[str, str]) -> str:
    """Libraries whose versions are others here than in keys, so that results might be others; empty where none is."""
    here = {name: _version(name) for name in libraries}
    other = [
        f"{name} {here[name]} instead of {libraries[name]}"
        for name in libraries
        if here[name] != libraries[name]
    ]
    return f"it has {', '.join(other)}; install the same versions on every node" if other else ""


def _version(name: str) -> str:
    try:
        return identity.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(none)"


def _unanswered() -> str:
    """Which of the two servers does not answer here."""
    api = os.environ.get("PREFECT_API_URL", "")
    try:
        urllib.request.urlopen(f"{public(api).rstrip('/')}/health", timeout=_ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        pass  # it wants to know first who asks
    except (ValueError, OSError) as error:
        return f"PREFECT_API_URL: nobody answers at {public(api)} ({getattr(error, 'reason', error)})"
    try:
        connection.known_experiment("headwater")
    except HeadwaterError as error:
        return str(error)
    return ""


def _name() -> str:
    import ray

    return ray.util.get_node_ip_address()
