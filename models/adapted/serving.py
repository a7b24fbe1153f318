"""Answers of a model that was carried over to a downstream, from its files alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from models.adapted.files import POOL
from models.adapted.predicting import load
from models.adapted.requests import Asked
from models.errors import DataError

DIGITS = 5


class Served:
    """A loaded model that takes requests as mappings and gives answers as JSON-able mappings."""

    batched: ClassVar[bool] = True

    def __init__(self, folder: Path) -> None:
        self.downstream, self._predictor = load(folder, "auto")
        self.asked = Asked.of(folder, self.downstream.inputs)
        self._pool = pl.read_parquet(folder / POOL) if self.downstream.pool else None
        apart = self._pool is not None and self._predictor.reads_apart
        self._known = self._predictor.outputs(self._pool, False) if apart and self._pool is not None else None

    @property
    def inputs(self) -> Sequence[str]:
        """See `models.interfaces.served.Served`."""
        return self.asked.inputs

    def lacking(self, request: Mapping[str, Any]) -> str | None:
        """See `models.interfaces.served.Served`."""
        return self.asked.lacking(request)

    def predict(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One answer a request.

        Raises:
            DataError: a request lacks a field.
        """
        asked = self._rows(requests)
        rows = asked if self._pool is None else pl.concat([asked, self._pool], how="diagonal")
        features, outputs = self._predictor.outputs(rows if self._known is None else asked, False)
        if self._known is not None:
            known = [replace(feature, row=feature.row + asked.height) for feature in self._known[0]]
            features, outputs = [*features, *known], [*outputs, *self._known[1]]
        predictions = self.downstream.decode(outputs, features, rows)
        return [_rounded(self.downstream.answer(item)) for item in predictions.iter_rows(named=True)]

    def _rows(self, requests: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        for number, request in enumerate(requests, start=1):
            if lacking := self.lacking(request):
                raise DataError(
                    f"request {number}: {lacking}; {self.downstream.kind} needs "
                    + ", ".join(self.downstream.inputs)
                )
        columns = {
            name: [self.asked.value(request, name) for request in requests] for name in self.downstream.inputs
        }
        frame = pl.DataFrame({"id": [str(number) for number in range(len(requests))], **columns})
        return (
            frame
            if self.downstream.pool is None
            else frame.with_columns(pl.lit(False).alias(self.downstream.pool))
        )


def _rounded(value: Any) -> Any:
    """An answer without the digits that change with the requests beside it, float32 sums being in another order."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
