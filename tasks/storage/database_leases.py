"""One computation per key among homes whose store is a PostgreSQL database, where no Prefect server is theirs together.

They are advisory locks of the database, held by a connection: they end with a process, a minute later with a machine.
"""

import functools
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from models.errors import HeadwaterError
from tasks.environment import public

_LIVES = ("tcp_keepalives_idle = 30", "tcp_keepalives_interval = 10", "tcp_keepalives_count = 3")
"""How soon the server notices that a machine is gone."""
_LONGEST_WAIT_SECONDS = 120.0


class DatabaseLeases:
    """The locks that this process holds at one database, all by one connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._held: set[str] = set()
        self._here: set[str] = set()
        """Those that this connection holds: after a break the server may think for a minute that the last one lives."""
        self._lock = threading.Lock()

    def take(self, name: str) -> Callable[[], None] | None:
        """Take the lock `name`, for who holds this home's lock of it; gives what frees it, None where another has it.

        A database that is away is asked again as often as MLflow asks its server: for minutes in a run.

        Raises:
            HeadwaterError: the database does not answer.
        """
        tries = int(os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0"))
        for number in range(tries + 1):
            with suppress(HeadwaterError):
                return self._take(name)
            time.sleep(min(2.0**number, _LONGEST_WAIT_SECONDS))
        return self._take(name)

    def _take(self, name: str) -> Callable[[], None] | None:
        with self._lock, self._told():
            connection = self._open()
            if not _tried(connection, name):
                return None
            self._held.add(name)
            self._here.add(name)
            return partial(self.release, name)

    def release(self, name: str) -> None:
        """Free it. Where the database is away its end has freed it."""
        with self._lock, suppress(HeadwaterError), self._told():
            self._held.discard(name)
            if self._connection is not None and name in self._here:
                self._here.discard(name)
                self._connection.execute(
                    text("SELECT pg_advisory_unlock(:number)"), {"number": _number(name)}
                )

    def _open(self) -> Connection:
        """The connection; what one that broke has held is taken again as soon as it is free."""
        if self._connection is None:
            self._connection, self._here = self._engine.connect(), set()
            for setting in _LIVES:
                self._connection.execute(text(f"SET {setting}"))
        for name in self._held - self._here:
            if _tried(self._connection, name):
                self._here.add(name)
        return self._connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            broken, self._connection = self._connection, None
            if broken is not None:
                with suppress(SQLAlchemyError):
                    broken.invalidate()
            why = public(str(getattr(error, "orig", error)).strip().partition("\n")[0])
            raise HeadwaterError(f"the store's database does not answer ({why})") from error


@functools.cache
def at(address: str, home: str) -> DatabaseLeases:
    """The locks of a home at the database of this address."""
    return DatabaseLeases(create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT"))


def _tried(connection: Connection, name: str) -> bool:
    asked = text("SELECT pg_try_advisory_lock(:number)")
    return bool(connection.execute(asked, {"number": _number(name)}).scalar())


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"headwater {name}".encode()).digest()[:8], signed=True)
