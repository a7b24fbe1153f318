"""Limits of one place on Prefect's server, and leases of that place: what `team_leases` asks of it."""

import functools
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import ConcurrencyLeaseHolder, ConcurrencyLimit
from prefect.client.schemas.responses import ConcurrencyLimitWithLeaseResponse
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from models.errors import HeadwaterError
from tasks.environment import public

_TAG = "headwater-"
"""Prefect tells who holds the place of a limit where it is one of a tag; no task of ours has such a tag."""
_TAKEN, _GONE, _ABSENT, _AT_ONCE = 423, 410, 404, 409
_PAGE = 200


@dataclass(frozen=True)
class Limit:
    """A limit, and who has leased its place."""

    id: UUID
    holders: list[UUID]


@dataclass(frozen=True)
class Place:
    """A place that is leased; `limit` is None where there is no such limit any more."""

    lease: UUID
    limit: UUID | None


class Limits:
    """The limits at one server, for one holder."""

    def __init__(self, api: str, holder: UUID, seconds: float) -> None:
        self.holder, self._api, self._seconds = holder, api, seconds
        self._client = _client(api)

    def made(self, name: str) -> Limit:
        """The limit of this name, made where there is none."""
        try:
            body = {"tag": _tag(name), "concurrency_limit": 1}
            answer = self._client.request("POST", "/concurrency_limits/", json=body)
            return _limit(ConcurrencyLimit.model_validate(answer.json()))
        except PrefectHTTPStatusError as error:
            if error.response.status_code != _AT_ONCE:
                raise
            return self.found(name) or self.made(name)

    def found(self, name: str) -> Limit | None:
        """The limit of this name, where there is one; to ask leaves no event at the server."""
        with suppress(ObjectNotFound):
            return _limit(self._client.read_concurrency_limit_by_tag(_tag(name)))
        return None

    def lease(self, name: str) -> Place | None:
        """The place of a limit; None where it is taken."""
        holder = ConcurrencyLeaseHolder(type="task_run", id=self.holder)
        try:
            answer = self._client.increment_concurrency_slots_with_lease(
                [f"tag:{_tag(name)}"], 1, "concurrency", self._seconds, holder
            )
        except PrefectHTTPStatusError as error:
            if error.response.status_code != _TAKEN:
                raise
            return None
        leased = ConcurrencyLimitWithLeaseResponse.model_validate(answer.json())
        return Place(leased.lease_id, leased.limits[0].id if leased.limits else None)

    def renew(self, place: Place) -> bool:
        """Whether the server still knows the lease, which then lasts from now on."""
        try:
            self._client.renew_concurrency_lease(place.lease, self._seconds)
        except PrefectHTTPStatusError as error:
            if error.response.status_code not in (_GONE, _ABSENT):
                raise
            return False
        return True

    def give_back(self, place: Place) -> None:
        """End a lease, and delete its limit while nobody else can have the place."""
        if place.limit is not None:
            self.delete(place.limit)
        self._client.release_concurrency_slots_with_lease(place.lease)

    def delete(self, limit: UUID) -> None:
        """Delete a limit by its id: the one of the same name may be another's by now."""
        with suppress(ObjectNotFound):
            self._client.delete_global_concurrency_limit_by_name(str(limit))

    def sweep(self, age: timedelta) -> None:
        """Delete limits of this age whose place is free: machines that were killed have left them."""
        before = datetime.now(UTC) - age
        for item in list(self._every()):
            if item.active_slots == 0 and item.updated is not None and item.updated < before:
                self.delete(item.id)

    def _every(self) -> Iterator:
        offset, more = 0, True
        while more:
            found = self._client.read_global_concurrency_limits(_PAGE, offset)
            yield from (item for item in found if item.name.startswith(f"tag:{_TAG}"))
            offset, more = offset + _PAGE, len(found) == _PAGE

    @contextmanager
    def asked(self, *, patiently: bool = True) -> Iterator[None]:
        """
        Args:
            patiently: wait for minutes where the server is away, as a run does.

        Raises:
            HeadwaterError: the server does not answer, in one line.
        """
        impatient = temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0})
        try:
            with nullcontext() if patiently else impatient:
                yield
        except httpx.HTTPError as error:
            raise HeadwaterError(
                f"Prefect's server at {public(self._api)} does not answer ({type(error).__name__})"
            ) from error


@functools.cache
def _client(api: str) -> SyncPrefectClient:
    # With settings of its own it is not that of a flow, which ends with the flow.
    return get_client(httpx_settings={"timeout": 30.0}, sync_client=True).__enter__()


def _tag(name: str) -> str:
    """Names of models may have what no address takes."""
    return _TAG + hashlib.sha256(name.encode()).hexdigest()


def _limit(found: ConcurrencyLimit) -> Limit:
    return Limit(found.id, found.active_slots)
