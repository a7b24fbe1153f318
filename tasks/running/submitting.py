"""Steps as Prefect tasks: how one is started, what became of it, and how many have ended."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from prefect import Task, get_client
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Crashed

from models.data.counts import so_many
from models.errors import HeadwaterError
from tasks.graph.refs import Ref
from tasks.graph.step import step_of
from tasks.running import schedule
from tasks.running.engine import Seat, Told
from tasks.running.execution import Call, Outcome, RunContext, task_of
from tasks.running.failures import STOPPING, reason
from tasks.running.job import Progress
from tasks.running.progress import LOG, ProgressArtifact, courtesy


class Submitting:
    """Starts steps as Prefect tasks, and shows on the flow run's page how many have ended."""

    def __init__(self, context: RunContext, refs: Sequence[Ref]) -> None:
        self._context, self._total, self._done = context, len(refs), 0
        self._of_shards = Counter(ref.title_of_shards for ref in refs)
        self._ended_of_shards = Counter[str]()
        self._futures: dict[str, PrefectFuture[Any]] = {}
        self._progress = ProgressArtifact()

    def __enter__(self) -> schedule.Start:
        return self._start

    def __exit__(self, *_: object) -> None:
        self._progress.finish(self._done, self._total, self._said())

    def _said(self) -> str:
        return f"{self._done} of {self._total} steps"

    def _start(self, ref: Ref, seat: Seat, on_end: Callable[[schedule.Ended], None]) -> None:
        parents = [self._futures[parent.key] for parent in ref.parents() if parent.key in self._futures]
        needed = [future.task_run_id for future in parents]
        self._progress.show(Progress("", self._done, self._total, self._said()))
        task: Task[..., Any] = task_of(step_of(ref)).with_options(task_run_name=ref.title.replace("/", " · "))
        try:
            future = self._context.engine.submit(
                task, seat, Call(ref, self._context.origin(ref), seat), needed
            )
        except HeadwaterError as error:
            failed = Outcome(ref, "failed", reason=reason(error))
            on_end(lambda: failed)
            return
        self._futures[ref.key] = future

        def ended() -> Outcome:
            outcome = _outcome(ref, future)
            if outcome.status != "lost":
                self._done += 1
                if ref.title_of_shards:
                    self._show_shards(ref.title_of_shards, seat.told)
            return outcome

        future.add_done_callback(lambda _: on_end(ended))

    def _show_shards(self, title: str, told: Told) -> None:
        """Show how far all shards of a step are, and in the end say so."""
        self._ended_of_shards[title] += 1
        done, total = self._ended_of_shards[title], self._of_shards[title]
        told.show(Progress(title, done, total, f"{done:,} of {total:,} shards"))
        if done == total:
            told.end(title)
            LOG.info("%s: %s", title, so_many(total, "shard"))


def _outcome(ref: Ref, future: PrefectFuture[Any]) -> Outcome:
    """What became of a task that has ended."""
    try:
        future.wait()
        state: State[Any] = future.state
        result = state.result(raise_on_failure=False)
        result = getattr(result, "cause", None) or result  # an error on a node, without Ray's words around it
    except BaseException as error:  # noqa: BLE001 whatever ended the thread: who waits for it has to hear of it
        return Outcome(ref, "failed", reason=reason(error))
    if isinstance(result, Outcome):
        return result
    if STOPPING.is_set() or not (state.is_failed() or state.is_crashed()):
        return Outcome(ref, "not run", reason="it was stopped")
    why = reason(result) if isinstance(result, BaseException) else str(state.message)
    if not state.is_crashed():
        return Outcome(ref, "failed", reason=why)
    why = why.partition(". ")[0]  # Ray goes on with what to look at
    LOG.warning("%s was lost with its process: %s", ref.title, why)
    _say_crashed(future, why)
    return Outcome(ref, "lost", reason=why)


def _say_crashed(future: PrefectFuture[Any], why: str) -> None:
    """Tell Prefect's server of a task run that could no longer do so itself."""
    with courtesy(), get_client(sync_client=True) as client:
        client.set_task_run_state(future.task_run_id, Crashed(message=why), force=True)
