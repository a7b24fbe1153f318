"""Digests of stored files, remembered for as long as a file stays as it is, so that a hit costs no reading.

What is remembered may lie, since anybody may write it: it spares reading a file that is whole, and never says of one
that it is damaged. It may be lost at any moment, which costs time.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from os import stat_result
from pathlib import Path

from models import files
from tasks.environment import home

_TABLE = """
CREATE TABLE IF NOT EXISTS digests (
    device INTEGER, inode INTEGER, size INTEGER, written INTEGER, changed INTEGER, sha256 TEXT, path TEXT,
    PRIMARY KEY (device, inode)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS content ON digests (sha256);
"""
_SECONDS = 5.0
"""To wait for another process that writes."""


_current: "ContextVar[Digests | None]" = ContextVar("digests", default=None)
"""What is open already, by whoever asks of many artifacts."""


class Digests:
    """What is known of files' contents; see `known`."""

    def __init__(self, table: sqlite3.Connection | None) -> None:
        self._table = table
        self.damaged = False
        self._new: list[tuple[int | str, ...]] = []

    def is_whole(self, path: Path, size: int, sha256: str) -> bool:
        """Whether a file is there and has these bytes."""
        try:
            found = path.stat()
            if found.st_size != size:
                return False
            if self._remembered(found) == sha256:
                return True
            if files.digest(path) != sha256:
                return False
        except OSError:
            return False
        self.remember(path, found, sha256)
        return True

    def remember(self, path: Path, found: stat_result, sha256: str) -> None:
        """Keep what a file's content was when it was `found`."""
        self._new.append((*_identity(found), *_state(found), sha256, str(path)))

    def share(self, path: Path, size: int, sha256: str) -> None:
        """Let a file that has these bytes be another name of one that has them too, where that is known of any.

        They lie in a store, where nothing is written in place, and each goes by itself.
        """
        for other in self._others(sha256):
            if other != path and other.parent.is_dir() and self.is_whole(other, size, sha256):
                draft = path.with_name(path.name + files.DRAFT)
                with suppress(OSError):  # on another disk, or one without such names
                    draft.unlink(missing_ok=True)
                    draft.hardlink_to(other)
                    draft.replace(path)
                    self.remember(path, path.stat(), sha256)
                    return
        self.is_whole(path, size, sha256)  # and so known to those that follow

    def _others(self, sha256: str) -> list[Path]:
        """Where files of this content lay; they may have changed since."""
        store = home() / "artifacts"
        paths = (Path(path) for (path,) in self._ask("SELECT path FROM digests WHERE sha256 = ?", (sha256,)))
        return [path for path in paths if path.is_relative_to(store)]

    def write(self) -> None:
        """Keep what was found out."""
        if self._table is not None and self._new:
            with suppress(sqlite3.Error), self._table:
                self._table.executemany(
                    "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?, ?, ?)", self._new
                )
        self._new = []

    def _remembered(self, found: stat_result) -> str | None:
        rows = self._ask(
            "SELECT size, written, changed, sha256 FROM digests WHERE device = ? AND inode = ?",
            _identity(found),
        )
        return rows[0][3] if rows and rows[0][:3] == _state(found) else None

    def _ask(self, query: str, values: tuple[int | str, ...]) -> list[tuple]:
        if self._table is None:
            return []
        try:
            return self._table.execute(query, values).fetchall()
        except sqlite3.OperationalError:  # busy
            return []
        except sqlite3.DatabaseError:
            self.damaged = True
            return []


def _identity(found: stat_result) -> tuple[int, int]:
    # SQLite's numbers have a sign.
    return found.st_dev & (2**63 - 1), found.st_ino & (2**63 - 1)


def _state(found: stat_result) -> tuple[int, int, int]:
    """The time of change is the kernel's: who sets the other back does not hide that he wrote."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def known() -> Iterator[Digests]:
    """What is remembered under the home folder; what is found out meanwhile is kept at the end.

    Within it, others find it open.
    """
    if (opened := _current.get()) is not None:
        yield opened
        return
    path = home() / "cache" / "digests.db"
    table = _open(path)
    with closing(table) if table is not None else nullcontext():
        digests = Digests(table)
        token = _current.set(digests)
        try:
            yield digests
        finally:
            _current.reset(token)
            digests.write()
    if digests.damaged:  # the next begins it anew
        path.unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection | None:
    """The table; a damaged one begins anew, and where there can be none everything is read each time."""
    for _ in range(2):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            table = sqlite3.connect(path, timeout=_SECONDS)
        except (OSError, sqlite3.Error):
            return None
        try:
            # Nobody misses what is lost with the power.
            table.execute("PRAGMA synchronous = OFF")
            table.executescript(_TABLE)
            return table
        except sqlite3.OperationalError:  # busy, read-only or full
            table.close()
            return None
        except sqlite3.DatabaseError:
            table.close()
            with suppress(OSError):
                path.unlink()
    return None
