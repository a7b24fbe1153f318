"""Test scores with their intervals, from predictions alone."""

import json

import numpy as np
import polars as pl
from pydantic import Field

from models.adapted import SETTLED
from models.config import Config
from models.downstream import DownstreamField
from models.scoring import intervals
from tasks import refs
from tasks.job import Job
from tasks.step import step


class ScoreConfig(Config):
    """How predictions are scored."""

    downstream: DownstreamField = Field(description="The NLP task, which knows its metrics.")
    resamples: int = Field(default=1000, ge=100, description="Bootstrap resamples of the test rows.")
    seed: int = Field(default=1, description="Draws the resamples.")


@step(refs.Scores)
def score(job: Job, config: ScoreConfig, rows: refs.Split, predictions: refs.Predictions) -> None:
    """Scores the test predictions with 95 % intervals over rows, with and without test rows found in the corpus."""
    folder, made = job.files(rows), job.files(predictions)
    test = pl.read_parquet(folder / "test.parquet")
    predicted = pl.read_parquet(made / "predictions.parquet")
    downstream = type(config.downstream).model_validate_json((made / SETTLED).read_text(encoding="utf-8"))
    statistics = downstream.statistics(test, predicted)
    scores = intervals(statistics, downstream.metrics, config.resamples, config.seed)
    every = test if downstream.pool is None else pl.concat([test, pl.read_parquet(folder / "pool.parquet")])
    details = {"rows": len(statistics), **downstream.details(every, predicted)}
    _log(job, scores)

    leaks = pl.read_parquet(folder / "leaks.parquet")
    leaked = leaks.filter(pl.col("part") == "test")["row_id"].unique().sort()
    if len(leaked):
        clean = statistics[~predicted["id"].is_in(leaked.implode()).to_numpy()]
        without = intervals(clean, downstream.metrics, config.resamples, config.seed) if len(clean) else {}
        details["without_leaks"] = {"rows": len(clean), "leaked": leaked.to_list(), "metrics": without}
        _log(job, without, "_without_leaks")

    np.save(job.out / "statistics.npy", statistics)
    for name, value in (("metrics", scores), ("details", details)):
        (job.out / f"{name}.json").write_text(
            json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8"
        )


def _log(job: Job, scores: dict[str, dict[str, float]], suffix: str = "") -> None:
    for name, found in scores.items():
        job.metrics({f"test/{name}{suffix}": found["value"]})
        job.metrics({f"test/{name}{suffix}_{bound}": found[bound] for bound in ("low", "high")})
