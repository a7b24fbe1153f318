"""The embedded store's place: a home that was copied or renamed finds its artifacts again, and a damaged one says so.

MLflow keeps whole paths of artifacts. A file in the home says where the home lay when they were written; where it lies
elsewhere now, they are written anew, once, in one transaction. A copy has a database of its own, and so a place.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from models.errors import RecipeError
from models.files import write_whole
from tasks.environment import home, home_id
from tasks.storage.lease import lease

PLACE = "place"
_PATHS = ("artifact_location", "artifact_uri", "source", "storage_location")
"""What MLflow calls columns of paths, in whichever table."""
_SECONDS = 60.0


def settle() -> None:
    """Make the home folder's databases fit to be opened: call it before that.

    Raises:
        RecipeError: one is damaged, or a change cannot be written.
    """
    place, mlflow = home() / PLACE, home() / "mlflow.db"
    prefect = Path(os.environ.get("PREFECT_HOME", home() / "prefect")).expanduser() / "prefect.db"
    for database, elsewhere in ((mlflow, "MLFLOW_TRACKING_URI"), (prefect, "PREFECT_API_URL")):
        if database.is_file() and not os.environ.get(elsewhere):
            with _told(database):
                _check(database)
    if _recorded(place) == home():
        return
    with lease(PLACE):  # of several that start at once the first does it
        before = _recorded(place)
        if before not in (None, home()) and mlflow.is_file():
            with _told(mlflow):
                _move(mlflow, before)
        with write_whole(place) as draft:
            draft.write_text(str(home()), encoding="utf-8")


def write_ahead(database: Path) -> None:
    """Have what is written to a database appended to a log beside it, and not its pages rewritten: a step writes ten
    times and more, and each time costs a fiftieth. The file remembers it; where it is in use now, the next one asks.
    """
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(database, timeout=1.0)) as store:
        store.execute("PRAGMA journal_mode = WAL").fetchone()


def complaint(database: Path, text: str) -> str:
    """What to say of a database that cannot be used, and what to do; empty where that is not the matter."""
    if "readonly" in text or "unable to open" in text:
        return (
            f"{database} cannot be written ({text}): make it and its folder writable, or set HEADWATER_HOME"
        )
    if "malformed" in text or "not a database" in text or "corrupt" in text:
        return (
            f"{database} is damaged ({text}): put a back-up in its place, or move it away to begin anew "
            "(docs/state.md, Back up and restore)"
        )
    return ""


@contextmanager
def _told(database: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise RecipeError(complaint(database, str(error)) or f"{database}: {error}") from error


def _recorded(place: Path) -> Path | None:
    """Where the home lay, where that is known."""
    try:
        before = Path(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return before if before.is_absolute() else None


def _check(database: Path) -> None:
    """Raises an error of SQLite's where the file is no database, was cut, or has a scheme that cannot be read."""
    with closing(_open(database)) as store:
        store.execute("SELECT count(*) FROM sqlite_master").fetchone()
        pages, size = (store.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        if database.stat().st_size < pages * size and not database.with_name(f"{database.name}-wal").exists():
            raise sqlite3.DatabaseError("malformed: its end is missing")


def _move(database: Path, before: Path) -> None:
    """Paths below `before` become paths below the home."""
    old_id, copied = home_id(), _is_copy(before)
    with closing(_open(database)) as store:
        store.execute("BEGIN IMMEDIATE")
        for table, column in _columns(store):
            for old, new in ((before.as_uri(), home().as_uri()), (str(before), str(home()))):
                store.execute(
                    f'UPDATE "{table}" SET "{column}" = ? || substr("{column}", ?) WHERE substr("{column}", 1, ?) = ?',
                    (new, len(old) + 1, len(old) + 1, f"{old}/"),
                )
        if copied:
            new_id = uuid4().hex
            store.execute(
                "UPDATE tags SET value = ? WHERE key = 'headwater.home' AND value = ?", (new_id, old_id)
            )
            with write_whole(home() / "id") as draft:
                draft.write_text(new_id, encoding="ascii")
        store.execute("COMMIT")


def _is_copy(before: Path) -> bool:
    """Whether the home that this one was is still there: two homes of one name would end each other's runs."""
    try:
        return (before / "id").read_text(encoding="ascii") == home_id() and not before.samefile(home())
    except OSError:
        return False


def _columns(store: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    tables = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for _, column, *_ in store.execute(f'PRAGMA table_info("{table}")').fetchall():
            if column in _PATHS:
                yield table, column


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=_SECONDS, isolation_level=None)
