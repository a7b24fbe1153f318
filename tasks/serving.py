"""Adapted models as MLflow knows them: loadable by `mlflow.pyfunc`, served over HTTP, registered under a name."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import pyfunc
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, infer_signature
from mlflow.models.utils import _save_example

from models.adapted.serving import Served
from models.errors import StoreError
from models.interfaces.downstream import Downstream
from tasks.graph.refs import Ref
from tasks.storage import artifacts, connection

CHAMPION = "champion"
"""Alias of the best transferred model."""
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""How MLflow says that there is no model of a name, and no alias."""


class Pyfunc:
    """What MLflow calls: a frame of requests in, a list of answers out."""

    def __init__(self, folder: Path) -> None:
        self._served = Served(folder)

    def predict(
        self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """One answer a row."""
        return self._served.predict(model_input.to_dict("records"))


def _load_pyfunc(path: str) -> Pyfunc:
    """MLflow's entry: `path` is the folder of an adapted model."""
    return Pyfunc(Path(path))


def describe(folder: Path, downstream: Downstream) -> None:
    """Makes the folder of an adapted model a model that MLflow loads and serves, its weights where they are."""
    rows = downstream.examples()
    if downstream.pool is not None:
        rows = rows.filter(~rows[downstream.pool])
    example = rows.select(downstream.inputs).head(2).to_pandas()
    # Fixed, not drawn: the same recipe makes the same bytes.
    model = Model(utc_time_created="1970-01-01 00:00:00", model_uuid=None, signature=infer_signature(example))
    _save_example(model, example, str(folder))
    pyfunc.add_to_model(model, loader_module="tasks.serving", data=".")
    model.save(str(folder / "MLmodel"))


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
