"""Predictions of an adapted model on the test rows."""

import json
import shutil

import polars as pl
from pydantic import Field

from models.adapted.files import DROPPED, READING, SETTLED, SUMMARY, rows_of, train_rows
from models.adapted.predicting import predictions
from models.config import Config
from models.interfaces.downstream import DownstreamField
from models.interfaces.transfer import TransferField
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job


class PredictConfig(Config):
    """Whose predictions."""

    downstream: DownstreamField = Field(description="The NLP task.")
    way: TransferField | None = Field(
        default=None, description="The way the model was carried over; the baseline has none."
    )


@step(refs.Predictions, process="shared", gpu=True)
def predict(job: Job, config: PredictConfig, rows: refs.Split, adapted: refs.Adapted) -> None:
    """Predicts every test row, whatever way the model was made, and keeps the predictions row by row with ids.

    Where a model was given several sets of demonstrations, it predicts each row with each, and `draw` says with which.
    """
    folder = job.files(adapted)
    job.used(train_rows(folder))
    downstream = type(config.downstream).model_validate_json((folder / SETTLED).read_text(encoding="utf-8"))
    parts = ["test", "pool"] if downstream.pool else ["test"]
    test = pl.concat([rows_of(job.files(rows), part) for part in parts])
    if config.way is None:
        found = [downstream.load_baseline(folder / "baseline").predict(test)]
    else:
        predictor = config.way.load(folder, downstream, job.workplace.device)
        found = predictions(predictor, downstream, test, job.progress)
        if predictor.reading:
            job.metrics({f"reading/{name}": count for name, count in predictor.reading.items()})
            (job.out / READING).write_text(json.dumps(dict(predictor.reading)), encoding="utf-8")
        if predictor.dropped:
            job.metrics({f"dropped/{name}": count for name, count in predictor.dropped.items()})
            (job.out / DROPPED).write_text(json.dumps(dict(predictor.dropped)), encoding="utf-8")
    if len(found) > 1:
        found = [frame.with_columns(draw=pl.lit(draw)) for draw, frame in enumerate(found)]
    pl.concat(found).write_parquet(job.out / "predictions.parquet")
    for name in (SETTLED, SUMMARY):  # so that to score needs no model
        shutil.copyfile(folder / name, job.out / name)
