"""Models as MLflow calls them: by `mlflow.pyfunc`, and over HTTP from several threads at once.

A registered model carries a copy of this module, and of its loader, with all they import (`tasks/packaging.py`).
"""

import sys
from collections.abc import Mapping
from functools import wraps
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INVALID_PARAMETER_VALUE

from models.errors import DataError
from models.inference.dynamic_batching import TOGETHER, DynamicBatches
from models.interfaces.served import Served


class Pyfunc:
    """What MLflow calls: a frame of requests in, a list of answers out."""

    def __init__(self, served: Served) -> None:
        if (server := sys.modules.get(_SERVER)) is not None:
            _refuse_what_cannot_be_read(server)
        # Tokenizers are not for several threads, and the memory of one batch is what there is room for.
        self._answers = DynamicBatches(served.predict, TOGETHER if served.batched else 1)

    def predict(
        self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """One answer a row.

        Raises:
            MlflowException: a row lacks a text; over HTTP that is a 400.
        """
        try:
            # MLflow leaves out columns that are not known, and of a frame without any all rows.
            requests: list[Any] = model_input.to_dict("records") or [{}]
            return self._answers(requests)
        except DataError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error


_SERVER = "mlflow.pyfunc.scoring_server"


def _refuse_what_cannot_be_read(server: Any) -> None:
    """A request without a content type, JSON that is too deep, or a number too long are the client's fault, of which
    MLflow's server (3.17) thinks they are its own: a 400 with the reason instead of a 500."""
    answer = server.invocations
    if hasattr(answer, "__wrapped__"):
        return

    @wraps(answer)
    def checked(data: bytes, content_type: str | None, *rest: Any) -> Any:
        try:
            return answer(data, content_type or "", *rest)
        except (RecursionError, ValueError) as error:
            raise MlflowException(f"the request cannot be read: {error}", BAD_REQUEST) from error

    server.invocations = checked
