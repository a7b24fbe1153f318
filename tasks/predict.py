"""Predictions of an adapted model or a baseline for the test rows."""

from pathlib import Path

import polars as pl

from models.adapted import SETTLED
from models.config import Config
from models.downstream import Downstream, DownstreamField
from tasks import refs
from tasks.job import Job
from tasks.step import step


class PredictConfig(Config):
    """Whose predictions."""

    downstream: DownstreamField


@step(refs.Predictions, isolated=True)
def predict(job: Job, config: PredictConfig, rows: refs.Split, adapted: refs.Adapted) -> None:
    """Predicts every test row, whatever way the model was made, and keeps the predictions row by row with ids."""
    folder = job.files(adapted)
    settled = (folder / SETTLED).read_text(encoding="utf-8")
    downstream = type(config.downstream).model_validate_json(settled)
    parts = ["test", "pool"] if downstream.pool else ["test"]
    test = pl.concat([pl.read_parquet(job.files(rows) / f"{part}.parquet") for part in parts])
    if (folder / "baseline").is_dir():
        predictions = downstream.load_baseline(folder / "baseline").predict(test)
    else:
        predictions = _of_model(job, downstream, folder / "model", test)
    predictions.write_parquet(job.out / "predictions.parquet")
    (job.out / SETTLED).write_text(settled, encoding="utf-8")


def _of_model(job: Job, downstream: Downstream, folder: Path, test: pl.DataFrame) -> pl.DataFrame:
    import torch

    from models import inference, tokenization
    from models.training import accelerator
    from models.transfer.heads import load

    torch.set_num_threads(job.threads)
    model = load(folder, downstream).to(accelerator(job.device).device)
    inputs = inference.Inputs(downstream, tokenization.load(folder), test, labelled=downstream.scores_gold)
    return inference.predict(model, inputs, on_progress=job.progress)[0]
