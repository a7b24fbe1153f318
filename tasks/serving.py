"""Adapted models as MLflow knows them: loadable by `mlflow.pyfunc` and served over HTTP.

The `MLmodel` of every registered model names this module as its loader.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow import pyfunc
from mlflow.models import Model, infer_signature
from mlflow.models.utils import _save_example

from models.adapted.serving import Served
from models.interfaces.downstream import Downstream


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
