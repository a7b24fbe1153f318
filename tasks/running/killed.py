"""Flow runs whose process is gone, and what they leave behind.

A process holds the lease of its flow run until it ends, however it ends; a flow run that says it runs while nobody
holds its lease was killed.
"""

import os
from collections.abc import Sequence
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import FlowRun, StateType, TaskRun
from prefect.states import Cancelled, Crashed

from tasks.running.parent import end_with_parent
from tasks.storage import runs
from tasks.storage.lease import exists, hold, is_free, of_flow

_GOING_ON = (StateType.RUNNING, StateType.CANCELLING)


def begin(flow_run_id: str) -> None:
    """Show that this flow run lives, for as long as its process; under a worker it ends with the worker.

    A run whose worker is gone could no longer be cancelled.
    """
    hold(of_flow(flow_run_id))
    if os.environ.get("PREFECT__FLOW_RUN_ID"):
        end_with_parent()


def is_dead(flow_run_id: str) -> bool:
    """Whether the process of a flow run under this home folder is gone; of others nothing is known here."""
    return exists(of_flow(flow_run_id)) and is_free(of_flow(flow_run_id))


class Watch:
    """Looks again and again for what killed processes have left in Prefect and MLflow, and ends it.

    What looks dead twice in a row is: between the state that Prefect sets and a lease lies a moment.
    """

    def __init__(self) -> None:
        self._suspects: set[UUID] = set()

    def look(self) -> None:
        """Look once.

        Raises:
            StoreError: MLflow does not answer.
            httpx.HTTPError: Prefect does not answer.
        """
        end_killed()
        with get_client(sync_client=True) as client:
            dead = {run.id: run for run in _in_state(client, _GOING_ON) if is_dead(str(run.id))}
            left = {run.id: run for run in _task_runs_left(client)}
            for found in self._suspects & dead.keys():
                _end(client, dead[found])
            for found in self._suspects & left.keys():
                crashed = Crashed(message="Its flow run has crashed.")
                client.set_task_run_state(found, crashed, force=True)
        self._suspects = dead.keys() | left.keys()


def end_killed() -> None:
    """Runs in MLflow whose flow run was killed: of this home, as its lock says, and of others, as Prefect says."""
    runs.end_killed()
    if not (elsewhere := runs.running_elsewhere()):
        return
    ids = [UUID(name) for name in elsewhere if _is_id(name)]
    wanted = FlowRunFilter.model_validate({"id": {"any_": ids}})
    with get_client(sync_client=True) as client:
        ended = [
            run for run in client.read_flow_runs(flow_run_filter=wanted) if run.state and run.state.is_final()
        ]
    for run_id in (run_id for flow in ended for run_id in elsewhere[str(flow.id)]):
        runs.close(run_id, runs.KILLED, "its process was killed")


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def end_pending() -> None:
    """End flow runs that a worker was about to start when it was killed; for a time when no worker runs."""
    with get_client(sync_client=True) as client:
        for run in _in_state(client, (StateType.PENDING,)):
            if run.deployment_id is not None:
                _end(client, run)


def _in_state(client: SyncPrefectClient, types: Sequence[StateType]) -> list[FlowRun]:
    wanted = FlowRunFilter.model_validate({"state": {"type": {"any_": types}}})
    return client.read_flow_runs(flow_run_filter=wanted)


def _task_runs_left(client: SyncPrefectClient) -> list[TaskRun]:
    """Task runs that say they go on within flow runs that have crashed."""
    return client.read_task_runs(
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": [StateType.CRASHED]}}}),
        task_run_filter=TaskRunFilter.model_validate(
            {"state": {"type": {"any_": [StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED]}}}
        ),
    )


def _end(client: SyncPrefectClient, run: FlowRun) -> None:
    """Prefect frees the run's place at its deployment as the state changes."""
    cancelling = run.state is not None and run.state.type == StateType.CANCELLING
    state = Cancelled() if cancelling else Crashed(message="Its process was killed.")
    client.set_flow_run_state(run.id, state, force=True)
