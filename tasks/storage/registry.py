"""The model registry: versions of adapted models under a name, and which of them is the champion."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from models.errors import StoreError
from tasks.graph.refs import Ref
from tasks.storage import artifacts, connection

CHAMPION = "champion"
"""Alias of the best transferred model."""
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""How MLflow says that there is no model of a name, and no alias."""


def register(name: str, ref: Ref) -> str:
    """The version of the registered model `name` that is the artifact of `ref`; made where there is none."""
    made = artifacts.find(ref.key)
    if made is None:
        raise StoreError(f"{ref.title} is no longer in the store; run the flow again to make it")
    client = connection.client()
    with connection.reaching():
        with suppress(MlflowException):  # it is there, or the next call says what is wrong
            client.create_registered_model(name)
        for version in _versions(name):
            if version.run_id == made.run_id:
                return str(version.version)
        run = client.get_run(made.run_id)
        names = ("headwater.key", "headwater.labels", *ref.about.tags())
        tags = {tag: run.data.tags[tag] for tag in names if tag in run.data.tags}
        source = str(run.info.artifact_uri)
        return str(client.create_model_version(name, source, made.run_id, tags=tags).version)


def champion(name: str) -> Path | None:
    """Folder of the model that the alias names; None where nothing is."""
    with connection.reaching():
        try:
            version = connection.client().get_model_version_by_alias(name, CHAMPION).version
        except MlflowException as error:
            if error.error_code not in _ABSENT:
                raise
            return None
    return artifacts.resolve(f"models:/{name}/{version}")


def crown(name: str, version: str) -> None:
    """The alias moves to a version."""
    with connection.reaching():
        connection.client().set_registered_model_alias(name, CHAMPION, version)


def _versions(name: str) -> Sequence[ModelVersion]:
    return connection.client().search_model_versions(f"name = '{name}'")
