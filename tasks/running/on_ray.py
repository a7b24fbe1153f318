"""Steps on a Ray cluster, by Prefect's task runner for it: each in a process of the node that has what it asks for."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import ray
from prefect import Task
from prefect.futures import PrefectFuture
from prefect_ray import RayTaskRunner
from prefect_ray.context import remote_options
from ray.exceptions import RayError
from ray.util.queue import Empty, Queue

from models.errors import HeadwaterError
from tasks.environment import Machine, Resources
from tasks.graph.refs import Ref
from tasks.graph.step import step_of
from tasks.running import cluster, resources
from tasks.running.engine import Seat, inputs
from tasks.running.failures import STOPPING
from tasks.running.node import NodeSeat
from tasks.running.progress import Board
from tasks.running.teller import END, Teller
from tasks.storage import origin

_NEWS_SECONDS = 0.5
_LOOK_SECONDS = 5.0
"""How often it is looked whether what waits could run at all: a node that could may have died."""
_GRACE_SECONDS = 3.0
"""How long steps that are stopped may take to say so in MLflow, before they are killed."""


@dataclass(frozen=True)
class _Going:
    future: Any
    asks: Resources


class OnRay:
    """The engine of a cluster. Ray has its own queue: there is a seat for every step."""

    def __init__(self, machine: Machine, board: Board) -> None:
        self._machine, self._board = machine, board
        self._going: dict[UUID, _Going] = {}
        self._stopping, self._closing = threading.Event(), threading.Event()
        self._stack = ExitStack()

    def __enter__(self) -> "OnRay":
        with ExitStack() as stack:
            stack.enter_context(cluster.joined(self._machine))
            self._runner = stack.enter_context(RayTaskRunner())
            self._news = Queue(actor_options=cluster.on_head())
            stack.callback(self._news.shutdown, force=True)
            self._told = Teller(self._news)
            watch = threading.Thread(target=self._watch, daemon=True)
            watch.start()
            stack.callback(watch.join)
            stack.callback(self._closing.set)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        STOPPING.set()
        self.stop()
        with suppress(ConnectionError, RayError):
            self._stack.close()

    def take(self, ref: Ref) -> NodeSeat:
        """A seat with what the step asks for.

        Raises:
            HeadwaterError: the cluster is gone.
        """
        with self._reaching():
            asks = resources.asked(step_of(ref), self._machine, cluster.nodes(), ref)
        return NodeSeat(asks, self._machine, self._told, origin.tags())

    def submit(
        self, task: Task[..., Any], seat: Seat, call: Any, after: Sequence[UUID]
    ) -> PrefectFuture[Any]:
        """Put it into Ray's queue. Ray itself tries nothing again, as it knows nothing of leases and of what may heal.

        Raises:
            HeadwaterError: no node has what it asks for, or the cluster is gone.
        """
        assert isinstance(seat, NodeSeat), "seats are taken here"
        asks = seat.asks
        with self._reaching(), remote_options(**_options(asks)):
            if wrong := resources.complaint(call.ref.step, asks, cluster.nodes()):
                raise HeadwaterError(wrong)
            future = self._runner.submit(task, {"call": call}, dependencies=inputs(after))
        self._going[future.task_run_id] = _Going(future.wrapped_future, asks)
        future.add_done_callback(lambda done: self._going.pop(done.task_run_id, None))
        return future

    def stop(self) -> None:
        """Have what runs cancelled, which the thread that watches it does."""
        self._stopping.set()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (ConnectionError, RayError) as error:
            raise HeadwaterError(
                f"the Ray cluster at {self._machine.engine} no longer answers ({error})"
            ) from error

    def _watch(self) -> None:
        """Show what nodes say, and end what cannot run or is to stop, until the engine closes."""
        look_at, kill_at = time.monotonic() + _LOOK_SECONDS, 0.0
        with suppress(ConnectionError, RayError):  # the cluster is gone; who waits for a step hears of it
            while self._going or not self._closing.is_set():
                self._show_news()
                now = time.monotonic()
                if self._stopping.is_set() and not kill_at:
                    kill_at = now + _GRACE_SECONDS
                    self._cancel(force=False)
                elif kill_at and now > kill_at:
                    self._cancel(force=True)
                    return
                elif now > look_at:
                    look_at = now + _LOOK_SECONDS
                    self._cancel(force=True, where=cluster.nodes())

    def _show_news(self) -> None:
        with suppress(Empty):
            news = self._news.get(timeout=_NEWS_SECONDS)
            if isinstance(news, str):
                self._board.line(news)
            elif news.text == END:
                self._board.end(news.title)
            else:
                self._board.show(news)

    def _cancel(self, *, force: bool, where: Sequence[resources.Node] = ()) -> None:
        """Cancel what runs or waits; with nodes, only what none of them could run."""
        for item in list(self._going.values()):
            if not resources.fits(item.asks, where):
                ray.cancel(item.future, force=force)


def _options(asks: Resources) -> dict[str, Any]:
    """What a task asks for, in Ray's words; one whose work several processes do leaves it to them."""
    if asks.processes > 1:
        return {"num_cpus": 0, "max_retries": 0}
    memory = {"memory": int(asks.memory_gb * 1e9)} if asks.memory_gb else {}
    return {"num_cpus": asks.cpus, "num_gpus": asks.gpus, "max_retries": 0, **memory}
