"""The store: MLflow, seen as finished artifacts found by their key.

An artifact counts only when all its files and, last, its manifest are stored and its run is FINISHED, so a
kill at any moment leaves either nothing or the whole.
"""

import functools
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.entities import Run, RunStatus
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from models.errors import HeadwaterError, RecipeError, StoreError
from tasks import manifest
from tasks.environment import home
from tasks.refs import Ref

logging.getLogger("alembic").setLevel(logging.WARNING)
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # `reaching` says it in one line


@dataclass(frozen=True)
class Made:
    """A finished artifact: the run that made it, and what that run measured."""

    run_id: str
    seconds: float
    metrics: dict[str, float]


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else SQLite under the home folder."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    if given:
        return given
    home().mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{home() / 'mlflow.db'}"


def ui_url() -> str:
    """Where MLflow's pages are: the tracking server, or the address `headwater up` serves this store at."""
    uri = tracking_uri()
    return uri.rstrip("/") if uri.startswith("http") else "http://127.0.0.1:5000"


@functools.cache
def _client(uri: str) -> MlflowClient:
    return MlflowClient(tracking_uri=uri)


def client() -> MlflowClient:
    """A client of the current store."""
    return _client(tracking_uri())


@contextmanager
def reaching() -> Iterator[None]:
    """Turn the store's own errors into one clear line.

    Raises:
        StoreError: when the store does not answer or cannot be written.
    """
    try:
        yield
    except (MlflowException, OperationalError, ConnectionError) as error:
        text = str(error)
        if "disk is full" in text or "No space left" in text:
            raise HeadwaterError(
                f"the disk is full: MLflow cannot write below {home()}; free some space"
            ) from error
        reason = text.splitlines()[0][:300]
        raise StoreError(
            f"the MLflow store at {tracking_uri()} cannot be used ({reason}); "
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


def find(key: str) -> Made | None:
    """The newest finished artifact with this key whose files are really there."""
    with reaching():
        for run in search_all(f"tags.`headwater.key` = '{key}' and attributes.status = 'FINISHED'"):
            if _complete(run):
                return _made(run)
    return None


def newest(experiment_name: str, tags: Mapping[str, str]) -> Made | None:
    """The newest finished artifact of an experiment whose run has these tags ("": has none), whatever its key."""
    with reaching():
        found = client().get_experiment_by_name(experiment_name)
        if found is None:
            return None
        asked = [f"tags.`{name}` = '{value}'" for name, value in tags.items() if value]
        condition = " and ".join([*asked, "attributes.status = 'FINISHED'"])
        runs = client().search_runs([found.experiment_id], condition, order_by=["attributes.end_time DESC"])
    absent = [name for name, value in tags.items() if not value]
    return next((_made(run) for run in runs if not any(name in run.data.tags for name in absent)), None)


def size(run_id: str) -> int:
    """Bytes of a finished artifact, as its manifest lists them; 0 where its files are gone."""
    listed = read_json(run_id, manifest.NAME) or {"files": []}
    return sum(item["bytes"] for item in listed["files"])


def read_json(run_id: str, name: str) -> Any | None:
    """What the JSON file `name` of a run holds; None where there is none."""
    with reaching(), tempfile.TemporaryDirectory() as temporary:
        if all(item.path != name for item in client().list_artifacts(run_id)):
            return None
        return json.loads(Path(client().download_artifacts(run_id, name, temporary)).read_bytes())


def _made(run: Run) -> Made:
    milliseconds = (run.info.end_time or 0) - (run.info.start_time or 0)
    return Made(run.info.run_id, milliseconds / 1000, dict(run.data.metrics))


def search(experiment_id: str, condition: str) -> list[Run]:
    """Runs of one experiment that meet MLflow's filter `condition`."""
    with reaching():
        return list(client().search_runs([experiment_id], condition))


def search_all(condition: str) -> list[Run]:
    """The newest runs of any experiment that meet MLflow's filter `condition`."""
    return page_of(condition)[0]


def page_of(condition: str, token: str | None = None) -> tuple[list[Run], str | None]:
    """At most 20 runs as `search_all` finds them, and the token of those that follow, if any do."""
    experiments = [item.experiment_id for item in client().search_experiments()]
    found = client().search_runs(
        experiments, condition, order_by=["attributes.end_time DESC"], max_results=20, page_token=token
    )
    return list(found), found.token or None


def _complete(run: Run) -> bool:
    """Whether the manifest is there, and every file it lists with its size."""
    folder = _local_folder(run)
    if folder is not None:
        if not (folder / manifest.NAME).is_file():
            return False
        listed = manifest.sizes(folder / manifest.NAME)
        return all(
            (folder / name).is_file() and (folder / name).stat().st_size == size
            for name, size in listed.items()
        )
    there = dict(_stored_files(run.info.run_id, ""))
    if manifest.NAME not in there:
        return False
    with tempfile.TemporaryDirectory() as temporary:
        listed = manifest.sizes(Path(client().download_artifacts(run.info.run_id, manifest.NAME, temporary)))
    return all(there.get(name) == size for name, size in listed.items())


def _stored_files(run_id: str, folder: str) -> Iterator[tuple[str, int]]:
    for item in client().list_artifacts(run_id, folder or None):
        if item.is_dir:
            yield from _stored_files(run_id, item.path)
        else:
            yield item.path, int(item.file_size or 0)


def _local_folder(run: Run) -> Path | None:
    """The run's artifact folder where it is on this machine's disk."""
    uri = urlparse(run.info.artifact_uri or "")
    return Path(unquote(uri.path)) if uri.scheme in ("", "file") else None


def files(ref: Ref) -> Path:
    """A local folder with the files of a finished artifact; treat it as read-only.

    Raises:
        StoreError: when the artifact is not (or no longer) there.
    """
    made = find(ref.key)
    if made is None:
        raise StoreError(
            f"the files of {ref.title} are no longer in the store; run the flow again to make them"
        )
    return folder(made.run_id, ref.key)


def folder(run_id: str, key: str) -> Path:
    """A local folder with the files of the finished artifact that a run made; treat it as read-only."""
    with reaching():
        return _local_folder(client().get_run(run_id)) or _download(run_id, key)


def _download(run_id: str, key: str) -> Path:
    """Copy of a remote artifact under the home folder, whole or not at all."""
    target = home() / "cache" / key
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent))
        client().download_artifacts(run_id, "", str(temporary))
        for name in manifest.damaged(temporary):
            shutil.rmtree(temporary)
            raise HeadwaterError(
                f"run {run_id}: {name} does not have the bytes its manifest says; delete the run"
            )
        try:
            temporary.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(temporary)
    return target


def commit(run_id: str, ref: Ref, folder: Path) -> None:
    """Store every file of `folder`, then the manifest, then finish the run, in this order."""
    with reaching():
        client().log_artifacts(run_id, str(folder))
        client().log_text(run_id, json.dumps(manifest.of(ref, folder), indent=1), manifest.NAME)
        client().set_terminated(run_id, RunStatus.to_string(RunStatus.FINISHED))


def resolve(uri: str) -> Path:
    """Local folder of a registered model (`models:/name/version` or `models:/name@alias`).

    Raises:
        RecipeError: when there is no such model.
    """
    name, _, version = uri.removeprefix("models:/").partition("/")
    name, _, alias = name.partition("@")
    try:
        if alias:
            version = client().get_model_version_by_alias(name, alias).version
        place = urlparse(source := client().get_model_version_download_uri(name, version))
        if place.scheme in ("", "file"):
            return Path(unquote(place.path))
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=source, tracking_uri=tracking_uri()))
    except MlflowException as error:
        raise RecipeError(f"'{uri}' is not a registered model: {str(error).splitlines()[0]}") from error
