"""The connection to MLflow: where it is, its experiments and runs, and its errors in one line."""

import functools
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from models.errors import HeadwaterError, StoreError
from tasks.environment import home

logging.getLogger("alembic").setLevel(logging.WARNING)
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # `reaching` says it in one line


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else SQLite under the home folder."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    if given:
        return given
    home().mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{home() / 'mlflow.db'}"


def public(url: str) -> str:
    """An address without the user and password in it, for what others may read."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def ui_url() -> str:
    """Where MLflow's pages are: the tracking server, or the address `headwater up` serves this store at."""
    uri = public(tracking_uri())
    return uri.rstrip("/") if uri.startswith("http") else "http://127.0.0.1:5000"


@functools.cache
def _client(uri: str) -> MlflowClient:
    return MlflowClient(tracking_uri=uri)


def client() -> MlflowClient:
    """A client of the current server or file."""
    return _client(tracking_uri())


@contextmanager
def reaching() -> Iterator[None]:
    """Turn MLflow's own errors into one clear line.

    Raises:
        StoreError: when it does not answer or cannot be written.
    """
    try:
        yield
    except (MlflowException, OperationalError, ConnectionError) as error:
        text = str(error)
        if "disk is full" in text or "No space left" in text:
            raise HeadwaterError(
                f"the disk is full: MLflow cannot write below {home()}; free some space"
            ) from error
        reason = public((text.splitlines() or [type(error).__name__])[0])[:300]
        raise StoreError(
            f"the MLflow store at {public(tracking_uri())} cannot be used ({reason}); "
            "is the server running and MLFLOW_TRACKING_URI right?"
        ) from error


def experiment(name: str) -> str:
    """Id of the experiment `name`, made where it is missing."""
    with reaching():
        found = client().get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage != "active":
                client().restore_experiment(found.experiment_id)
            return found.experiment_id
        embedded = tracking_uri().startswith("sqlite")
        location = (home() / "artifacts" / name).as_uri() if embedded else None
        try:
            return client().create_experiment(name, artifact_location=location)
        except MlflowException:
            made = client().get_experiment_by_name(name)  # another run was first
            if made is None:
                raise
            return made.experiment_id


def search(experiment_id: str, condition: str) -> list[Run]:
    """Runs of one experiment that meet MLflow's filter `condition`."""
    with reaching():
        return list(client().search_runs([experiment_id], condition))


def search_all(condition: str) -> list[Run]:
    """The newest runs of any experiment that meet MLflow's filter `condition`."""
    return page_of(condition)[0]


def page_of(condition: str, token: str | None = None) -> tuple[list[Run], str | None]:
    """At most 20 runs as `search_all` finds them, and the token of those that follow, if any do."""
    with reaching():
        experiments = [item.experiment_id for item in client().search_experiments()]
        found = client().search_runs(
            experiments, condition, order_by=["attributes.end_time DESC"], max_results=20, page_token=token
        )
        return list(found), found.token or None
