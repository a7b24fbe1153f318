"""What an adapted model says of rows, whatever way it was made."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.adapted.files import WAY, downstream_of
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Predictor, Transfer
from models.kinds import find


def load(folder: Path, device: str) -> tuple[Downstream, Predictor]:
    """An adapted model, from its files alone.

    Raises:
        DataError: `folder` holds no such model.
    """
    downstream = downstream_of(folder)
    way = json.loads((folder / WAY).read_text(encoding="utf-8"))
    kind: Any = find("models.transfer", way["kind"], Transfer)
    return downstream, kind.model_validate(way).load(folder, downstream, device)


def predictions(
    predictor: Predictor,
    downstream: Downstream,
    rows: pl.DataFrame,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[pl.DataFrame]:
    """Predictions of rows, once with each set of demonstrations; a model that was trained predicts once.

    Args:
        rows: with the pool after them, where the downstream has one.
    """
    found = []
    for draw in range(predictor.draws):

        def tell(done: int, total: int, before: int = draw) -> None:
            on_progress(before * total + done, predictor.draws * total)

        features, outputs = predictor.outputs(rows, downstream.scores_gold, draw, tell)
        found.append(downstream.decode(outputs, features, rows))
    return found


def statistics(downstream: Downstream, rows: pl.DataFrame, found: Sequence[pl.DataFrame]) -> np.ndarray:
    """Statistics (rows, k) of predictions of `rows`: of several sets of demonstrations, each row has the mean."""
    return np.mean([downstream.statistics(rows, frame) for frame in found], axis=0)
