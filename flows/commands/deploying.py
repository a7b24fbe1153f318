"""What `headwater up` and `headwater deploy` put on Prefect's server: work pool, deployments, automations."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectAlreadyExists

from models.errors import HeadwaterError
from tasks.environment import home

POOL = "headwater"
AT_ONCE = 2
"""Flow runs that the work pool of `headwater up`, which has one worker, lets run at once."""
HEARTBEAT_SECONDS = 180
"""Three minutes: a server that was away for two has crashed nobody's run."""
_ENDS = ("Completed", "Failed", "Crashed", "Cancelled")


def files() -> list[Path]:
    """prefect.yaml, and the files of one's own beside it, which git ignores."""
    return [Path("prefect.yaml"), *sorted(Path().glob("*.prefect.yaml"))]


def make_pool(at_once: int | None) -> None:
    """Make the work pool; one that is there stays as the user has set it.

    Args:
        at_once: how many flow runs it lets run; None leaves that to each worker.
    """
    pool = WorkPoolCreate(name=POOL, type="process", concurrency_limit=at_once)
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
        client.create_work_pool(pool)


def deploy() -> None:
    """Deploy every file; schedules that are on stay on, also where one cannot be deployed.

    Raises:
        HeadwaterError: one cannot be deployed.
    """
    switched_on = {place for place, *_, active in schedules() if active}
    log = home() / "logs" / "deploy.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    try:
        for file in files():
            command = [
                sys.executable,
                "-m",
                "prefect",
                "--no-prompt",
                "deploy",
                "--all",
                "--prefect-file",
                str(file),
            ]
            done = subprocess.run(
                command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
            )
            with log.open("a", encoding="utf-8") as said:
                said.write(done.stdout + done.stderr)
            if done.returncode:
                raise HeadwaterError(f"{file} could not be deployed; see {log}")
    finally:
        _switch_on(switched_on)


def schedules() -> list[tuple[tuple[str, str], UUID, UUID, bool]]:
    """(deployment's name and flow, what it says), deployment, schedule, whether it is on, of every schedule."""
    with get_client(sync_client=True) as client:
        return [
            ((f"{found.flow_id}/{found.name}", str(item.schedule)), found.id, item.id, item.active)
            for found in client.read_deployments()
            for item in found.schedules
        ]


def names() -> list[str]:
    """`flow/deployment` of each deployment; one of the whole chain that has no schedule first, as it is for trying."""
    with get_client(sync_client=True) as client:
        found = [
            (f"{client.read_flow(item.flow_id).name}/{item.name}", bool(item.schedules))
            for item in client.read_deployments()
        ]
    found.sort(key=lambda item: (not item[0].startswith("transfer-learning/"), item[1], item[0]))
    return [name for name, _ in found]


def schedules_on() -> list[str]:
    """A line for each schedule that is on: its deployment, when, and where."""
    with get_client(sync_client=True) as client:
        return [
            f"{client.read_flow(found.flow_id).name}/{found.name}  {_when(item.schedule)}"
            for found in client.read_deployments()
            for item in found.schedules
            if item.active
        ]


def _when(schedule: object) -> str:
    said = [getattr(schedule, name, None) for name in ("cron", "rrule", "interval", "timezone")]
    return "  ".join(str(part) for part in said if part)


def _switch_on(places: set[tuple[str, str]]) -> None:
    """Deploying switches every schedule off; those that were on go on."""
    with get_client(sync_client=True) as client:
        for place, deployment, schedule, _ in schedules():
            if place in places:
                client.update_deployment_schedule(deployment, schedule, active=True)


def automate() -> None:
    """Have Prefect end runs that send no heartbeat any more: those on other machines too, of which no lease is here."""
    every_run = {"prefect.resource.id": "prefect.flow-run.*"}
    heartbeat = "prefect.flow-run.heartbeat"
    crash = {"type": "change-flow-run-state", "state": "CRASHED", "message": "No heartbeat came any more."}
    zombie = {
        "type": "event",
        "posture": "Proactive",
        "match": every_run,
        "for_each": ["prefect.resource.id"],
        "after": [heartbeat],
        "expect": [heartbeat, *(f"prefect.flow-run.{state}" for state in _ENDS)],
        "threshold": 1,
        "within": HEARTBEAT_SECONDS,
    }
    _put({"name": "headwater: a run without a heartbeat has crashed", "trigger": zombie, "actions": [crash]})


def _put(what: dict[str, Any]) -> None:
    """Create or renew an automation; whether it is on stays as the user has set it."""
    with get_client(sync_client=True) as client:
        known = client.read_automations_by_name(what["name"])
        if known:
            client.update_automation(
                known[0].id, AutomationCore.model_validate({**what, "enabled": known[0].enabled})
            )
        else:
            client.create_automation(AutomationCore.model_validate(what))
