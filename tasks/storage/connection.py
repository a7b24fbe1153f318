"""The connection to MLflow: where it is, its experiments and runs, and its errors in one line."""

import functools
import importlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlparse

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from models.errors import HeadwaterError, RecipeError, StoreError
from tasks.environment import TRIES, home, public
from tasks.storage import place
from tasks.storage.lease import lease

logging.getLogger("alembic").setLevel(logging.WARNING)
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # `reaching` says it in one line


ARTIFACTS = "HEADWATER_ARTIFACTS"
"""The variable that says where artifacts lie, for a store that is a database without a server."""
_LOG = logging.getLogger("headwater")
_AT_ONCE = 16
Asked = TypeVar("Asked")
Told = TypeVar("Told")
_EXTRAS = {
    "psycopg2": "headwater[postgres]",
    "boto3": "headwater[s3]",
    "botocore": "headwater[s3]",
    "MySQLdb": "mysqlclient",
}
"""What to install for a package that some stores need."""


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else SQLite under the home folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or embedded_uri()


def embedded_uri() -> str:
    """The address of the store under the home folder."""
    home().mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{home() / 'mlflow.db'}"


def ui_url() -> str:
    """Where MLflow's pages are: MLFLOW_UI_URL where browsers reach the tracking server by another address, that server,
    or the address `headwater up` serves this store at."""
    uri = public(os.environ.get("MLFLOW_UI_URL") or tracking_uri())
    return uri.rstrip("/") if uri.startswith("http") else "http://127.0.0.1:5000"


@functools.cache
def _client(uri: str) -> MlflowClient:
    """
    Raises:
        RecipeError: no store can be at this address, or a package that it takes is not installed.
    """
    if urlparse(uri).scheme in ("", "file") and not uri.startswith("databricks"):
        raise _no_store(uri)
    place.settle()
    try:
        if urlparse(uri).scheme.partition("+")[0] in DATABASE_ENGINES:
            driver = make_url(uri).get_dialect()
            driver.import_dbapi()
            if driver.is_async:  # MLflow would try for minutes
                raise _no_store(uri)
        make(uri)
        if uri == embedded_uri():
            place.write_ahead(home() / "mlflow.db")
        return MlflowClient(tracking_uri=uri)
    except (UnsupportedModelRegistryStoreURIException, ArgumentError, ValueError) as error:
        raise _no_store(uri) from error
    except ImportError as error:
        raise _not_installed(error) from error


def make(uri: str) -> None:
    """Make the tables of a store in a SQLite file that is not there yet.

    MLflow does it at the first opening, but two processes that do so at once trip over each other, and one that is
    killed leaves half of them: so by one alone, and beside the file's place until it is whole.
    """
    file = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or file.exists():
        return
    with lease("mlflow"):
        if not file.exists():
            beside = file.with_name(f"{file.name}.new")
            for left in (beside, beside.with_name(f"{beside.name}-journal")):
                left.unlink(missing_ok=True)
            made: Any = MlflowClient(tracking_uri=f"sqlite:///{beside}")
            made._tracking_client.store.engine.dispose()  # it has the file open
            # Left of one that was moved away: SQLite would take it for the log of this one.
            for end in ("-wal", "-shm"):
                file.with_name(f"{file.name}{end}").unlink(missing_ok=True)
            beside.replace(file)


def _no_store(uri: str) -> RecipeError:
    return RecipeError(
        f"MLFLOW_TRACKING_URI: '{public(uri)}' is no address of an MLflow store; give that of a server, such as "
        "http://HOST:5000, or of a database, such as sqlite:////PATH/mlflow.db or postgresql://HOST/NAME"
    )


def _not_installed(error: ImportError) -> RecipeError:
    name = (error.name or str(error)).partition(".")[0]
    package = _EXTRAS.get(name, name)
    return RecipeError(
        f"the MLflow store at {public(tracking_uri())} needs the package {name}: pip install '{package}'"
    )


def client() -> MlflowClient:
    """A client of the current server or file."""
    return _client(tracking_uri())


def at_once(ask: Callable[[Asked], Told], items: Sequence[Asked]) -> list[Told]:
    """What each comes to, in their order: of a server several are asked at once, since each answer is a way there and
    back."""
    if tracking_uri().startswith("sqlite") or len(items) < 2:
        return [ask(item) for item in items]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(ask, items))


@contextmanager
def reaching() -> Iterator[None]:
    """Turn MLflow's own errors into one clear line.

    Raises:
        RecipeError: a package that it takes is not installed.
        StoreError: when it does not answer or cannot be written.
    """
    try:
        yield
    except ImportError as error:
        raise _not_installed(error) from error
    except (MlflowException, DatabaseError, ConnectionError) as error:
        text = str(error)
        if not os.environ.get("MLFLOW_TRACKING_URI") and (
            why := place.complaint(home() / "mlflow.db", _first(text))
        ):
            raise HeadwaterError(why) from error
        if "disk is full" in text or "No space left" in text:
            raise HeadwaterError(
                f"the disk is full: MLflow cannot write below {home()}; free some space"
            ) from error
        reason = public(_first(text) or type(error).__name__)
        raise StoreError(
            f"the MLflow store at {public(tracking_uri())} cannot be used ({reason}); "
            "is the server running and MLFLOW_TRACKING_URI right?"
        ) from error


@contextmanager
def patience() -> Iterator[None]:
    """For a run that goes on: wait for an MLflow server that is away, here and in processes that are started here."""
    name = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
    before = os.environ.get(name)
    os.environ[name] = str(TRIES)
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _first(text: str) -> str:
    """The first line of what MLflow says."""
    return (text.splitlines() or [""])[0][:300]


def experiment(name: str) -> str:
    """Id of the experiment `name`, made where it is missing."""
    with reaching():
        found = client().get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage != "active":
                client().restore_experiment(found.experiment_id)
            if found.artifact_location.startswith("s3:"):
                importlib.import_module("boto3")  # now, and not in the middle of a step
            return found.experiment_id
        try:
            return client().create_experiment(name, artifact_location=_artifacts(name))
        except MlflowException:
            made = client().get_experiment_by_name(name)  # another run was first
            if made is None:
                raise
            return made.experiment_id


def _artifacts(name: str) -> str | None:
    """Where the artifacts of a new experiment lie; None where a server knows.

    A database alone does not know, and MLflow would put them below the working directory.
    """
    if (said := os.environ.get(ARTIFACTS)) and not tracking_uri().startswith("http"):
        return f"{said.rstrip('/')}/{quote(name)}"
    kind = urlparse(tracking_uri()).scheme.partition("+")[0]
    if kind not in DATABASE_ENGINES:
        return None
    if kind != "sqlite":
        _LOG.warning(
            "artifacts lie in this home alone: %s=s3://BUCKET/FOLDER has them where all see them", ARTIFACTS
        )
    return (home() / "artifacts" / name).as_uri()


def known_experiment(name: str) -> str | None:
    """Id of the experiment `name`; None where there is none."""
    with reaching():
        found = client().get_experiment_by_name(name)
        return found and found.experiment_id


def search(experiment_id: str, condition: str) -> list[Run]:
    """Runs of one experiment that meet MLflow's filter `condition`."""
    with reaching():
        return list(client().search_runs([experiment_id], condition))


def search_all(condition: str, most: int = 20) -> list[Run]:
    """The newest runs of any experiment that meet MLflow's filter `condition`, at most so many."""
    return page_of(condition, most=most)[0]


def page_of(
    condition: str, token: str | None = None, most: int = 20, experiment_id: str | None = None
) -> tuple[list[Run], str | None]:
    """Runs as `search_all` finds them, or of one experiment, and the token of those that follow, if any do."""
    with reaching():
        every = [] if experiment_id else client().search_experiments()
        experiments = [experiment_id] if experiment_id else [item.experiment_id for item in every]
        found = client().search_runs(
            experiments, condition, order_by=["attributes.end_time DESC"], max_results=most, page_token=token
        )
        return list(found), found.token or None
