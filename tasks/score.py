"""Test scores with their intervals, from predictions alone."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field

from models.adapted import reliability
from models.adapted.files import SETTLED, rows_of, train_rows
from models.bootstrap import intervals
from models.config import Config
from models.interfaces.downstream import Downstream, DownstreamField
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job

LOGGED = 20
"""Labels whose F1 are metrics in MLflow; of more all are in details.json and in the report."""
_METRIC = re.compile(r"\w[\w .-]{0,99}")
"""Labels that MLflow takes into a metric's name."""


class ScoreConfig(Config):
    """How predictions are scored."""

    downstream: DownstreamField = Field(description="The NLP task, which knows its metrics.")
    resamples: int = Field(default=1000, ge=100, description="Bootstrap resamples of the test rows.")
    seed: int = Field(default=1, description="Draws the resamples.")


def _headline(ref: refs.Scores) -> str:
    assert isinstance(ref.config, ScoreConfig), f"{ref.name} was not made by `score`"
    return f"test/{ref.config.downstream.headline}"


@step(refs.Scores, headline=_headline)
def score(
    job: Job,
    config: ScoreConfig,
    rows: refs.Split,
    predictions: refs.Predictions,
    leaks: refs.Leaks | None,
) -> None:
    """Scores the test predictions with 95 % intervals, with and without test rows found elsewhere.

    Elsewhere is in the corpus (leaks), and in the training and validation rows (duplicates).

    Intervals are over rows, and over draws of demonstrations where there are several; a row then has the mean of
    its statistics.
    """
    folder, made = job.files(rows), job.files(predictions)
    job.used(train_rows(made))
    test = rows_of(folder, "test")
    predicted = pl.read_parquet(made / "predictions.parquet")
    settled = type(config.downstream).model_validate_json((made / SETTLED).read_text(encoding="utf-8"))
    downstream = settled.model_copy(update={"measured": config.downstream.measured})
    (job.out / SETTLED).write_text(downstream.model_dump_json(indent=2), encoding="utf-8")
    draws = predicted.partition_by("draw", include_key=False) if "draw" in predicted.columns else [predicted]
    predicted = draws[0]
    every_draw = np.stack([downstream.statistics(test, frame) for frame in draws])
    statistics = every_draw.mean(axis=0)
    scores = _scores(config, downstream, every_draw)
    every = test if downstream.pool is None else pl.concat([test, rows_of(folder, "pool")])
    details = {"rows": len(statistics), **downstream.details(every, predicted)}
    details |= {"by_label": _by_label(config, downstream, every_draw)}
    details |= {"calibration": _calibration(config, downstream, every, predicted)}
    best = scores[downstream.headline]
    name = downstream.headline.replace("_", " ")
    job.say(f"{name} {best['value']:.3f} [{best['low']:.3f}, {best['high']:.3f}]")
    _log(job, scores)
    _log_details(job, scores, details)

    for name, elsewhere in (("leaks", _leaked(job, leaks)), ("duplicates", _repeated(folder))):
        if len(elsewhere):
            touched = predicted["id"].is_in(elsewhere.implode()).to_numpy()
            without = {} if touched.all() else _scores(config, downstream, every_draw[:, ~touched])
            details[f"without_{name}"] = {
                "rows": int((~touched).sum()),
                "ids": elsewhere.to_list(),
                "at": np.flatnonzero(touched).tolist(),
                "metrics": without,
            }
            _log(job, without, f"_without_{name}")

    np.save(job.out / "statistics.npy", statistics)
    if len(draws) > 1:
        np.save(job.out / "draws.npy", every_draw)
    for name, value in (("metrics", scores), ("details", details)):
        (job.out / f"{name}.json").write_text(
            json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8"
        )


def _leaked(job: Job, leaks: refs.Leaks | None) -> pl.Series:
    """Ids of the test rows that stand in the corpus; none where there is no corpus."""
    if leaks is None:
        return pl.Series(dtype=pl.String)
    leaked = pl.read_parquet(job.files(leaks) / "leaks.parquet")
    return leaked.filter(pl.col("part") == "test")["row_id"].unique().sort()


def _repeated(rows: Path) -> pl.Series:
    """Ids of the test rows whose text a training or validation row has too."""
    twins = pl.read_parquet(rows / "duplicates.parquet")
    return twins.filter(pl.col("part_b") == "test")["id_b"].unique().sort()


def _scores(
    config: ScoreConfig, downstream: Downstream, statistics: np.ndarray
) -> dict[str, dict[str, float]]:
    """Metrics with their intervals, from statistics (draws, rows, k)."""
    return intervals(statistics, downstream.metrics, config.resamples, config.seed)


def _by_label(config: ScoreConfig, downstream: Downstream, statistics: np.ndarray) -> list[dict[str, Any]]:
    """Each label with its rows, and precision, recall and F1 with intervals; none where labels are not a few names."""
    labels = downstream.rates(statistics[0].sum(axis=0))
    if not labels:
        return []

    def flat(totals: np.ndarray) -> dict[str, np.ndarray]:
        found = downstream.rates(totals).items()
        return {f"{what}/{label}": values for label, of in found for what, values in of.items()}

    measured = intervals(statistics, flat, config.resamples, config.seed)
    return [
        {"label": label, "rows": measured[f"rows/{label}"]["value"]}
        | {what: measured[f"{what}/{label}"] for what in ("precision", "recall", "f1")}
        for label in labels
    ]


def _calibration(
    config: ScoreConfig, downstream: Downstream, rows: pl.DataFrame, predictions: pl.DataFrame
) -> dict[str, Any] | None:
    """How far confidence is from being right, before and after calibration; None where predictions have none."""
    certainty = downstream.certainty(rows, predictions)
    if certainty is None:
        return None
    return {
        name: reliability.measured(made, certainty.right, config.resamples, config.seed)
        for name, made in (("before", certainty.before), ("after", certainty.after))
    }


def _log_details(job: Job, scores: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    """The calibration error, and F1 by label where there are few enough and `scores` do not have it already."""
    if calibration := details["calibration"]:
        _log(job, {"ece": calibration["after"], "ece_uncalibrated": calibration["before"]})
    labels = {item["label"]: item["f1"] for item in details["by_label"]}
    known = any("/" in name for name in scores)
    if len(labels) <= LOGGED and not known:
        _log(job, {f"f1/{label}": f1 for label, f1 in labels.items() if _METRIC.fullmatch(label)})


def _log(job: Job, scores: dict[str, dict[str, float]], suffix: str = "") -> None:
    for name, measured in scores.items():
        job.metrics({f"test/{name}{suffix}": measured["value"]})
        job.metrics({f"test/{name}{suffix}_{bound}": measured[bound] for bound in ("low", "high")})
