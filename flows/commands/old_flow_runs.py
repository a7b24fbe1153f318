"""Prefect's flow runs that ended long ago, and their deletion."""

import os
import sys
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from datetime import UTC
from functools import partial
from pathlib import Path
from uuid import UUID

from flows.commands.servers import embedded_prefect, wait_for
from tasks.environment import home
from tasks.storage.unused import Unused

_LOG_SECONDS = 10.0
"""How long Prefect may take to delete the logs of the flow runs that were deleted, which it does afterwards."""


def database() -> Path:
    """Of the embedded server."""
    return Path(os.environ.get("PREFECT_HOME", home() / "prefect")).expanduser() / "prefect.db"


@contextmanager
def find(since: float, kept: Set[str]) -> Iterator[Sequence[Unused]]:
    """Those that ended before, with a server to delete them from; but for those that are `kept`."""
    if not os.environ.get("PREFECT_API_URL") and not database().is_file():
        yield ()
        return
    with embedded_prefect() as server:
        if server is not None:
            print("asking Prefect …", file=sys.stderr, flush=True)
            wait_for(server)
        deleted: list[UUID] = []
        yield [
            Unused("flow runs in Prefect", f"{name} ({number})", (), partial(_delete, number, deleted))
            for number, name in _ended(since)
            if str(number) not in kept
        ]
        if deleted:
            _await_logs(deleted)


def _ended(since: float) -> list[tuple[UUID, str]]:
    from prefect import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterEndTime
    from prefect.types import DateTime

    before = FlowRunFilter(end_time=FlowRunFilterEndTime(before_=DateTime.fromtimestamp(since, UTC)))
    found: list[tuple[UUID, str]] = []
    with get_client(sync_client=True) as client:
        while page := client.read_flow_runs(flow_run_filter=before, offset=len(found)):
            found += [(run.id, run.name) for run in page]
    return found


def _delete(number: UUID, deleted: list[UUID]) -> None:
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            client.delete_flow_run(number)
        except ObjectNotFound:
            return
    deleted.append(number)


def _await_logs(deleted: Sequence[UUID]) -> None:
    from prefect import get_client
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    theirs = LogFilter(flow_run_id=LogFilterFlowRunId(any_=list(deleted)))
    deadline = time.monotonic() + _LOG_SECONDS
    with get_client(sync_client=True) as client:
        while client.read_logs(theirs, limit=1) and time.monotonic() < deadline:
            time.sleep(0.2)
