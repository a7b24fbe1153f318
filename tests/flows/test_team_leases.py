"""Leases of a team: homes that share a store, on any machine, make a key once; Prefect's server keeps who has it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.environment import EMBEDDED_PREFECT
from tasks.storage import team_leases
from tasks.storage.lease import Lease, is_free
from tasks.storage.prefect_limits import Limits, Place
from tests.support.up import PROJECT
from tests.support.waiting import until

_HOLD = """
import sys, time
from tasks.storage.lease import Lease
print("held" if Lease.take(sys.argv[1], shared=True) else "refused", flush=True)
time.sleep(600)
"""


class Team:
    """Homes that share a store and a Prefect server."""

    def __init__(self, api: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.api, self._folder, self._patch = api, folder, patch
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")  # says that the store is a team's
        patch.setattr(team_leases, "_ASKED_SECONDS", 0.0)

    def at(self, home: str) -> "Team":
        """What follows is done from this home."""
        (self._folder / home).mkdir(exist_ok=True)
        self._patch.setenv("HEADWATER_HOME", str(self._folder / home))
        return self

    def take(self, name: str) -> Lease | None:
        """The lease, if it is free."""
        return Lease.take(name, shared=True)

    def is_taken(self, name: str) -> bool:
        """Whether this home cannot have it."""
        return not is_free(name, shared=True)

    def limits(self) -> list[dict[str, Any]]:
        """What the server lists."""
        request = urllib.request.Request(
            f"{self.api}/v2/concurrency_limits/filter",
            data=b"{}",
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return [item for item in json.loads(answer.read()) if item["name"].startswith("tag:headwater-")]


@pytest.fixture
def team(prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)  # for children
    monkeypatch.delenv(EMBEDDED_PREFECT, raising=False)  # these tests take it for a team's
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield Team(prefect_server, tmp_path, monkeypatch)


@pytest.fixture
def renewals(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Leases are renewed all the time, but not before the test says so."""
    renew, let = Limits.renew, threading.Event()
    monkeypatch.setattr(team_leases, "RENEWED_SECONDS", 0.0)
    monkeypatch.setattr(team_leases, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(Limits, "renew", lambda limits, place: let.wait(60) and renew(limits, place))
    yield let
    let.set()


def claimed(team: Team) -> tuple[Lease, team_leases.TeamLeases, team_leases.Claim]:
    """A lease that home a holds, and how this process knows it."""
    held = team.at("a").take("key")
    leases = team_leases.current()
    assert held is not None and isinstance(leases, team_leases.TeamLeases)
    (claim,) = leases._held.values()
    return held, leases, claim


def test_a_key_is_held_by_one_home_of_a_team(team: Team) -> None:
    held = team.at("a").take("key")
    assert held is not None
    assert team.is_taken("key"), "within the home"
    assert team.at("b").is_taken("key"), "in another home"
    other = team.take("another key")
    assert other is not None
    held.release()
    mine = team.take("key")
    assert mine is not None
    assert team.at("a").is_taken("key")
    other.release()
    mine.release()
    assert team.limits() == [], "the server's list does not grow"


def test_a_killed_process_frees_its_lease_for_its_home_at_once(team: Team) -> None:
    team.at("a")
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, "key"], stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=os.environ
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    assert team.at("b").is_taken("key")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert team.is_taken("key"), "of another machine nothing is known until the lease has run out"
    held = team.at("a").take("key")
    assert held is not None
    assert team.at("b").is_taken("key"), "what the killed one had no longer counts"
    held.release()
    assert not team.is_taken("key")


@pytest.mark.parametrize("forgotten", [True, False], ids=["forgotten", "run out"])
def test_a_lease_that_the_server_has_lost_is_taken_again(
    team: Team, forgotten: bool, renewals: threading.Event
) -> None:
    held, _, claim = claimed(team)
    place, client = claim.place, _raw(team.api)
    client("concurrency_limits/decrement-with-lease", {"lease_id": str(place.lease)})
    if forgotten:  # a restarted server knows of a place that is taken, and of no lease
        client("concurrency_limits/increment", {"names": [team.limits()[0]["name"]], "slots": 1})
    renewals.set()
    until(lambda: claim.place.lease != place.lease, 60, "the new lease")
    assert team.at("b").is_taken("key")
    held.release()
    assert team.limits() == []


def test_renewal_goes_on_after_an_unforeseen_error(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team_leases, "RENEWED_SECONDS", 0.2)
    monkeypatch.setattr(team_leases, "_LOOK_SECONDS", 0.2)
    held, leases, claim = claimed(team)
    renew, errors = Limits.renew, [ValueError("what no server should answer")]

    def fail_once(limits: Limits, place: Place) -> bool:
        if errors:
            raise errors.pop()
        return renew(limits, place)

    monkeypatch.setattr(Limits, "renew", fail_once)
    until(lambda: not errors, 60, "the error")
    failed = time.monotonic()
    until(lambda: claim.renewed > failed, 60, "the next renewal")
    leases.close()
    held.release()  # which is no error, though all was freed
    assert team.limits() == []


def test_a_place_that_nobody_has_leased_does_not_stay_taken(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team_leases, "_FORGOTTEN_SECONDS", 0.5)
    held, _, claim = claimed(team)
    claim.lost = True  # as if its machine were gone: it is neither renewed nor given back
    client = _raw(team.api)
    client("concurrency_limits/decrement-with-lease", {"lease_id": str(claim.place.lease)})
    client("concurrency_limits/increment", {"names": [team.limits()[0]["name"]], "slots": 1})
    held.release()
    assert team.at("b").is_taken("key")
    taken: list[Lease] = []
    until(lambda: taken.extend(filter(None, [team.take("key")])) or taken, 60, "the lease")
    taken[0].release()


def test_who_comes_late_makes_no_second_holder(team: Team, renewals: threading.Event) -> None:
    held, _, claim = claimed(team)
    _raw(team.api)("concurrency_limits/decrement-with-lease", {"lease_id": str(claim.place.lease)})
    others = team.at("b").take("key")
    assert others is not None
    renewals.set()
    until(lambda: claim.lost, 60, "the word that it is lost")
    held.release()
    assert team.at("c").is_taken("key"), "the first gives back what is no longer its own"
    others.release()
    assert not team.is_taken("key")


def test_what_killed_machines_have_left_is_swept(team: Team) -> None:
    _raw(team.api)("concurrency_limits/", {"name": "tag:headwater-left", "limit": 1})
    _raw(team.api)("concurrency_limits/", {"name": "tag:mine", "limit": 1})
    limits = Limits(team.api, team_leases.holder(), 90.0)
    limits.sweep(timedelta(hours=1))
    assert len(team.limits()) == 1, "it may be about to be taken"
    limits.sweep(timedelta(0))
    assert team.limits() == []


def test_a_home_by_itself_asks_no_server(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    held = team.at("a").take("key")
    assert held is not None and team.limits() == []
    held.release()


def _raw(api: str) -> Callable[[str, dict[str, Any]], None]:
    def post(path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"{api}/v2/{path}",
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=30).close()

    return post
