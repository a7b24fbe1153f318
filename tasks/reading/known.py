"""What is known of files of data, for as long as they stay as they are: none is read to see that it is the same.

It may be lost at any moment, which costs time.
"""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tasks.environment import home

_TABLE = """
CREATE TABLE IF NOT EXISTS known (
    file TEXT, question TEXT, state TEXT, answer TEXT, PRIMARY KEY (file, question)
) WITHOUT ROWID
"""
LARGE = 1_000_000
"""Bytes of a file that takes longer to read than to be looked up."""
_SETTLED = 2.0
"""Seconds after which a change shows in a file's times, whatever the clock of its disk."""
_answers: dict[tuple[str, str, str], Any] = {}


def known(path: Path, question: str, ask: Callable[[], Any]) -> Any:
    """The answer to a question about a file's content, JSON-able; asked only where the file is new or has changed.

    Raises:
        OSError: the file cannot be read.
    """
    found = path.stat()
    # The time of change is the kernel's: who sets the other back does not hide that he wrote.
    state = f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
    key = (str(path.resolve()), question, state)
    if key not in _answers:
        lasting = found.st_size >= LARGE and time.time() - max(found.st_mtime, found.st_ctime) > _SETTLED
        _answers[key] = _kept(key, ask) if lasting else ask()
    return _answers[key]


def _kept(key: tuple[str, str, str], ask: Callable[[], Any]) -> Any:
    """The answer as it was, else as it is, which is kept."""
    file, question, state = key
    table = _opened()
    if table is None:
        return ask()
    with closing(table):
        with suppress(sqlite3.Error):
            rows = table.execute(
                "SELECT answer FROM known WHERE file = ? AND question = ? AND state = ?",
                (file, question, state),
            ).fetchall()
            if rows:
                return json.loads(rows[0][0])
        answer = ask()
        with suppress(sqlite3.Error), table:
            table.execute(
                "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)",
                (*key, json.dumps(answer)),
            )
        return answer


def _opened() -> sqlite3.Connection | None:
    """The table; a damaged one begins anew next time, and where there can be none everything is read."""
    path = home() / "cache" / "sources.db"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table = sqlite3.connect(path, timeout=5.0)
        table.execute(_TABLE)
        return table
    except sqlite3.OperationalError:  # busy, read-only or full
        return None
    except sqlite3.DatabaseError:
        with suppress(OSError):
            path.unlink()
        return None
    except OSError:
        return None
