"""Transferred models in the model registry, and which of them is the champion."""

import json
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import Field

from models.adapted.files import VALIDATION, downstream_of
from models.bootstrap import paired
from models.config import Config
from models.interfaces.downstream import Downstream
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job
from tasks.storage import registry

ENOUGH = 30
"""Validation rows below which a score says little."""


class PromoteConfig(Config):
    """Under which name, and how candidates are compared."""

    name: str = Field(description="Name of the registered model.")
    resamples: int = Field(default=1000, ge=100, description="Bootstrap resamples of the validation rows.")
    seed: int = Field(default=1, description="Draws the resamples.")


@step(refs.Promotion)
def promote(job: Job, config: PromoteConfig, adapted: tuple[refs.Adapted, ...]) -> None:
    """Registers every transferred model; the alias goes to the best by validation, if it is not worse than the last."""
    folders = {registry.register(config.name, item): job.files(item) for item in adapted}
    downstream = downstream_of(next(iter(folders.values())))
    scores = _scores(downstream, folders)
    best = max(scores, key=scores.__getitem__)
    last = registry.champion(config.name)
    worse = last is not None and _worse(config, downstream, folders[best], last)
    if not worse:
        registry.crown(config.name, best)
    found = {"name": config.name, "validation": scores, "best": best, "crowned": not worse}
    (job.out / "promotion.json").write_text(json.dumps(found, indent=2, ensure_ascii=False), encoding="utf-8")
    job.metrics({f"validation/{downstream.headline}": scores[best]})
    job.say(
        f"version {best} of {config.name} is the champion"
        if not worse
        else f"the champion of {config.name} stays: version {best} is worse on the same validation rows"
    )


def _scores(downstream: Downstream, folders: dict[str, Path]) -> dict[str, float]:
    """Headline metric of each version, on the validation rows that all of them have been chosen by.

    A model of few labels has as few validation rows, on which to be best is chance: others go before it.
    """
    tables = {version: pl.read_parquet(folder / VALIDATION) for version, folder in folders.items()}
    tables = {version: table for version, table in tables.items() if table.height >= ENOUGH} or tables
    common = set.intersection(*(set(table["id"]) for table in tables.values()))
    sign = -1 if downstream.headline in downstream.lower_is_better else 1
    return {
        version: sign * float(downstream.metrics(_of(table, common).sum(axis=0))[downstream.headline])
        for version, table in tables.items()
    }


def _worse(config: PromoteConfig, downstream: Downstream, candidate: Path, last: Path) -> bool:
    """Whether the paired bootstrap shows the candidate to be worse than the last champion, on rows both have."""
    tables = [pl.read_parquet(folder / VALIDATION) for folder in (candidate, last)]
    common = set(tables[0]["id"]) & set(tables[1]["id"])
    if not common or tables[0].width != tables[1].width:
        return False  # other rows or other classes: there is nothing to compare
    a, b = (_of(table, common) for table in tables)
    found = paired(a, b, downstream.metrics, config.resamples, config.seed, downstream.lower_is_better)
    return bool(found[downstream.headline]["worse"])


def _of(table: pl.DataFrame, ids: set[str]) -> np.ndarray:
    """Statistics (ids, k) in the order of the ids."""
    return table.filter(pl.col("id").is_in(list(ids))).sort("id").drop("id").to_numpy()
