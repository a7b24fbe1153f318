"""One computation per key in a team: leases that Prefect's server keeps, for homes on any machine that share a store.

A name is a limit of one place on that server, made by who takes it and deleted by who held it. The place is leased:
renewed while the process lives, and free again a minute and a half after its machine is gone. The holder is a home:
within one home a kernel lock says who lives, so what a killed process of it has left there is taken over at once.
"""

import atexit
import functools
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from models.errors import HeadwaterError
from tasks.environment import EMBEDDED_PREFECT, home_id

if TYPE_CHECKING:
    from tasks.storage.database_leases import DatabaseLeases
    from tasks.storage.prefect_limits import Limit, Limits, Place

LEASED_SECONDS = 90.0
"""How long a lease outlives its machine; Prefect takes no less than 60, and looks every 15 for those that ran out."""
RENEWED_SECONDS = 20.0
_LOOK_SECONDS = 3.0
"""How soon a renewal is tried again where the server is away: before it ends, come back, what ran out meanwhile."""
_ASKED_SECONDS = 2.0
"""How often it is asked whether another home still has a lease."""
_FORGOTTEN_SECONDS = 10.0
"""After so long a place that is taken, but leased by nobody, was forgotten: a server that is restarted may do so."""
_LEFT = timedelta(hours=1)
_TRIES = 5
_END_SECONDS = 5.0
_LOG = logging.getLogger("headwater")


@dataclass
class Claim:
    """A lease that is held, as the server knows it."""

    name: str
    place: "Place"
    renewed: float
    lost: bool = False
    """It ran out while the server was away, and another has it: both make the same artifact, which does no harm."""


class TeamLeases:
    """The leases that this process holds at one server; one thread renews them."""

    def __init__(self, limits: "Limits") -> None:
        self._limits = limits
        self._held: dict[str, Claim] = {}
        self._asked: dict[str, float] = {}
        self._suspected: dict[str, float] = {}
        self._lock = threading.Lock()
        self._ended: threading.Event | None = None
        self._thread: threading.Thread | None = None
        atexit.register(self.close)

    def take(self, name: str) -> Callable[[], None] | None:
        """Take the lease `name`, for who holds this home's lock of it; gives what frees it, None where another has it.

        Raises:
            HeadwaterError: the server does not answer.
        """
        if time.monotonic() < self._asked.get(name, float("-inf")) + _ASKED_SECONDS:
            return None
        with self._limits.asked():
            place = self._taken(name)
        if place is None:
            self._asked[name] = time.monotonic()
            return None
        self._asked.pop(name, None)
        claim = Claim(name, place, time.monotonic())
        with self._lock:
            self._held[name] = claim
            if self._ended is None:
                self._ended = threading.Event()
                self._thread = threading.Thread(target=self._renew_all, args=(self._ended,), daemon=True)
                self._thread.start()
        return partial(self.release, claim)

    def release(self, claim: Claim) -> None:
        """Free it. Where the server is away it runs out by itself."""
        with self._lock:
            if self._held.get(claim.name) is not claim:
                return  # freed by `close`
            del self._held[claim.name]
            if not self._held and self._ended is not None:
                self._ended.set()
                self._ended = None
        if not claim.lost:
            with suppress(HeadwaterError), self._limits.asked(patiently=False):
                self._limits.give_back(claim.place)

    def close(self) -> None:
        """Free all that is still held; for the end of the process."""
        for claim in list(self._held.values()):
            self.release(claim)
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    def _taken(self, name: str) -> "Place | None":
        for _ in range(_TRIES):
            known = self._limits.found(name) if name in self._asked else None
            limit = known or self._limits.made(name)
            if self._is_left(name, limit):
                self._limits.delete(limit.id)
            elif limit.holders:
                return None
            elif (place := self._limits.lease(name)) is None:
                self._suspected.setdefault(name, time.monotonic())
                return None
            elif place.limit is not None:
                return place
            else:  # who held it has deleted it between the two questions
                self._limits.give_back(place)
        return None

    def _is_left(self, name: str, limit: "Limit") -> bool:
        """Whether the place is taken, but by nobody: by a process of this home, whose lock is ours now, so that it was
        killed; or by a lease that the server has forgotten."""
        if limit.holders:
            self._suspected.pop(name, None)
            return set(limit.holders) == {self._limits.holder}
        since = self._suspected.get(name)
        if since is None or time.monotonic() < since + _FORGOTTEN_SECONDS:
            return False
        del self._suspected[name]
        return True

    def _renew_all(self, ended: threading.Event) -> None:
        self._asked_for(partial(self._limits.sweep, _LEFT))
        while not ended.wait(_LOOK_SECONDS):
            with self._lock:
                before = time.monotonic() - RENEWED_SECONDS
                due = [claim for claim in self._held.values() if claim.renewed < before and not claim.lost]
            for claim in due:
                if not self._asked_for(partial(self._renew, claim)):
                    break

    def _asked_for(self, ask: Callable[[], None]) -> bool:
        """Whether the server was there to be asked; whatever else is wrong, the other leases are renewed."""
        try:
            with self._limits.asked(patiently=False):
                ask()
        except HeadwaterError as error:
            _LOG.info("%s; leases are renewed when it is there again", error)
            return False
        except Exception:  # noqa: BLE001 nobody else would renew them
            _LOG.warning("a lease could not be renewed, and will be tried again", exc_info=True)
        return True

    def _renew(self, claim: Claim) -> None:
        if self._limits.renew(claim.place):
            claim.renewed = time.monotonic()
        else:
            self._take_again(claim)

    def _take_again(self, claim: Claim) -> None:
        """The server has forgotten a lease, or ended it when it ran out while it was away."""
        limit = self._limits.found(claim.name)
        if limit is not None and not set(limit.holders) - {self._limits.holder}:
            self._limits.delete(limit.id)  # nobody else has the place
        place = self._taken(claim.name)
        with self._lock:
            held = self._held.get(claim.name) is claim
            if held and place is not None:
                claim.place, claim.renewed = place, time.monotonic()
            elif held:
                claim.lost = True
        if not held and place is not None:  # it was released meanwhile
            self._limits.give_back(place)
        elif held and place is None:
            _LOG.warning(
                "Prefect's server was away for long; another run has begun to make the same artifact"
            )


def holder() -> UUID:
    """As whom this home holds leases."""
    return UUID(home_id())


def current() -> "TeamLeases | DatabaseLeases | None":
    """Who keeps the leases of those who share the store: Prefect's server, else the store's database; None where nobody
    else has the store, or nobody is there to keep them."""
    store = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not store or store.startswith("sqlite"):
        return None
    from prefect.settings import PREFECT_API_URL  # importing Prefect takes seconds

    api = PREFECT_API_URL.value()
    if api and api != os.environ.get(EMBEDDED_PREFECT):
        return _at(api, holder())
    if store.startswith("postgres"):
        from tasks.storage import database_leases

        return database_leases.at(store, home_id())
    return None


@functools.cache
def _at(api: str, held_by: UUID) -> TeamLeases:
    from tasks.storage.prefect_limits import Limits

    return TeamLeases(Limits(api, held_by, LEASED_SECONDS))
