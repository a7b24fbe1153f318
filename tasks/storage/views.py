"""What the page of a run shows of its artifact: predictions as a table, curves and scores as figures.

They lie beside the artifact, whose bytes and digests they leave alone.
"""

import json
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.adapted.files import SETTLED
from models.data.records import PROVENANCE
from models.interfaces.downstream import Downstream
from models.kinds import find
from tasks.graph import refs
from tasks.graph.refs import Ref
from tasks.storage import artifacts, runs

TABLE, CURVE, SCORES = "predictions.json", "loss.png", "scores.png"
ROWS, LETTERS = 200, 300
"""How much of the predictions, and of each text, a table shows."""
_drawing = threading.Lock()
"""Steps end in several threads, and matplotlib's settings are those of the process."""


def keep(run_id: str, ref: Ref, out: Path) -> None:
    """Store what the page of a finished step shows; `out` holds its artifact."""
    if isinstance(ref, refs.Predictions):
        if rows := _predictions(out, artifacts.files(ref.rows)):
            runs.log_table(run_id, rows, TABLE)
    elif isinstance(ref, refs.Model) and (out / "history.parquet").is_file():
        _keep_figure(run_id, CURVE, _curve(out / "history.parquet"))
    elif isinstance(ref, refs.Scores):
        _keep_figure(run_id, SCORES, _scores(out / "metrics.json"))


def _keep_figure(run_id: str, name: str, png: bytes | None) -> None:
    if png is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(png)
            runs.keep_file(run_id, path)


def _curve(path: Path) -> bytes | None:
    from models.reporting import collect, figures  # drawing takes long to import

    history = collect.history(path)
    with _drawing:
        return figures.pretraining(history) if len(history) > 1 else None


def _scores(path: Path) -> bytes | None:
    from models.reporting import scored
    from models.reporting.parts import Interval

    metrics = json.loads(path.read_text(encoding="utf-8"))
    with _drawing:
        return scored.drawn({name: Interval.model_validate(item) for name, item in metrics.items()})


def _predictions(out: Path, rows: Path) -> list[dict[str, Any]]:
    """The first predictions beside what was asked and what is right."""
    settled = json.loads((out / SETTLED).read_text(encoding="utf-8"))
    kind: Any = find("models.downstream", settled["kind"], Downstream)
    downstream: Downstream[Any] = kind.model_validate(settled)
    test = pl.read_parquet(rows / "test.parquet", n_rows=ROWS)
    predicted = (
        pl.scan_parquet(out / "predictions.parquet").head(test.height).collect().drop("draw", strict=False)
    )
    columns = dict(_columns(downstream, test, predicted))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _columns(
    downstream: "Downstream[Any]", test: pl.DataFrame, predicted: pl.DataFrame
) -> Iterator[tuple[str, list[Any]]]:
    """Name and cells of each column: id, what was asked, gold, predicted, and each row's share of the headline."""
    hidden = {"id", *PROVENANCE, "source", *downstream.inputs, downstream.pool}
    yield "id", test["id"].to_list()
    for name in downstream.inputs:
        yield name, _cells(test[name])
    for name in test.columns:
        if name not in hidden:
            yield f"gold {name}", _cells(test[name])
    for name in predicted.columns:
        if name != "id":
            yield f"predicted {name}", _cells(predicted[name])
    with np.errstate(all="ignore"):
        share = downstream.metrics(downstream.statistics(test, predicted))[downstream.headline]
    if np.isfinite(share).all():  # a correlation, say, is none of a single row
        yield downstream.headline, [round(float(value), 4) for value in share]


def _cells(column: pl.Series) -> list[Any]:
    return [_cell(value) for value in column.to_list()]


def _cell(value: Any) -> Any:
    """A number or a short text; lists and structs as JSON."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 4) if np.isfinite(value) else None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"
