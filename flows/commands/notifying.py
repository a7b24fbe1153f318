"""Telling an address of flow runs that fail or crash, through Prefect's notification blocks.

An automation of Prefect's could do it as well, but one event may start it twice, what crashed while the server was
down a quarter of an hour late, and cancelling a run passes through Crashed.
"""

import asyncio
import os
from datetime import UTC, datetime
from uuid import UUID

from prefect import get_client
from prefect.blocks.notifications import CustomWebhookNotificationBlock, MicrosoftTeamsWebhook
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State

from tasks.running.notices import MLFLOW


class Notices:
    """Tells `address` once of each flow run that has failed or crashed since this was made."""

    def __init__(self, address: str) -> None:
        self._block = _block(address)
        self._since = datetime.now(UTC)
        self._seen: set[UUID] = set()
        self._told: set[UUID] = set()

    def look(self) -> None:
        """Tell of states that have stayed since the last look.

        Raises:
            httpx.HTTPError: Prefect or the address does not answer; what was not told is told another time.
        """
        ended = {"state": {"type": {"any_": ["FAILED", "CRASHED"]}}, "end_time": {"after_": self._since}}
        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(ended))
        states = {run.state.id: (run, run.state) for run in found if run.state}
        for name in self._seen & states.keys() - self._told:
            run, state = states[name]
            asyncio.run(self._block.anotify(_body(run, state), subject=f"{run.name}: {state.name}"))
            self._told.add(name)
        self._seen = set(states)


def _body(run: FlowRun, state: State) -> str:
    return "\n".join(
        [
            state.message or "",
            f"Prefect: {os.environ['PREFECT_UI_URL']}/runs/flow-run/{run.id}",
            f"MLflow: {run.labels.get(MLFLOW) or 'no run was begun'}",
        ]
    )


def _block(address: str) -> CustomWebhookNotificationBlock | MicrosoftTeamsWebhook:
    """Prefect's block for an address: of a webhook, or one that apprise knows (slack://, mailto:// …)."""
    if address.startswith(("http://", "https://")):
        return CustomWebhookNotificationBlock.model_validate(
            {"name": "headwater", "url": address, "json_data": {"text": "{{subject}}\n{{body}}"}}
        )
    # This block hands any address to apprise, whatever its name.
    return MicrosoftTeamsWebhook.model_validate({"url": address})
