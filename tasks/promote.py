"""Transferred models in the model registry, and which of them is the champion."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field

from models.adapted.exam import Exam
from models.adapted.files import SETTLED, SUMMARY, downstream_of, train_rows
from models.adapted.predicting import load
from models.config import Config
from models.data.draws import draw
from models.interfaces.downstream import Downstream
from models.seeds import derive
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.failures import Stopped, may_heal, reason
from tasks.running.job import Job
from tasks.storage import manifest, registry
from tasks.storage.lease import lease


class PromoteConfig(Config):
    """Whose models they are, and how they are compared."""

    recipe: str = Field(description="Name of the recipe, with which that of the registered model begins.")
    entry: str = Field(description="Name of the recipe's entry, with which it ends.")
    validation_rows: int | None = Field(
        default=None, ge=1, description="Validation rows at most, the same for all models. None: all."
    )
    resamples: int = Field(default=1000, ge=100, description="Bootstrap resamples of the validation rows.")
    seed: int = Field(default=1, description="Draws the resamples, and the rows where they are not all.")


def _registered(config: PromoteConfig) -> registry.RegisteredModel:
    return registry.RegisteredModel(config.recipe, config.entry)


def _stands(ref: refs.Promotion) -> bool:
    """Whether the versions and the alias are there; to which version it was moved is the user's business."""
    assert isinstance(ref.config, PromoteConfig), f"{ref.name} was not made by `promote`"
    return _registered(ref.config).stands(ref.adapted)


@step(refs.Promotion, process="shared", stands=_stands)
def promote(job: Job, config: PromoteConfig, rows: refs.Split, adapted: tuple[refs.Adapted, ...]) -> None:
    """Registers every transferred model; the alias goes to the best on all validation rows, unless the last is better.

    Settings of a model of few labels were chosen by few of these rows. Here all models, and the last champion, are
    asked the same ones.
    """
    model = _registered(config)
    model.claim()

    def waiting() -> None:
        job.say(f"another run registers models as {model.name}; waiting for it")

    with lease(f"registered {model.name}", on_wait=waiting, check=lambda: None):
        folders = {model.register(item): job.files(item) for item in adapted}
        exam = _exam(job, config, rows, next(iter(folders.values())))
        answers: dict[str, np.ndarray] = {}
        for version, folder in folders.items():
            answers[version] = _asked(job, exam, folder, f"version {version}")
        best = max(folders, key=lambda item: (exam.rank(answers[item]), *_preference(folders[item])))
        last = model.champion()
        stood = None if last is None else _last(job, exam, last, answers, rows)
        found = _verdict(config, exam, answers, best, stood)
        if found["crowned"]:
            model.crown(best)
    text = json.dumps(found, indent=2, ensure_ascii=False)
    (job.out / "promotion.json").write_text(text, encoding="utf-8")
    job.metrics({f"validation/{exam.downstream.headline}": found["validation"][best]})
    job.say(_told(found))


def _exam(job: Job, config: PromoteConfig, rows: refs.Split, candidate: Path) -> Exam:
    """All validation rows; where the entry caps them, those that its models of most labels were chosen by."""
    folder, downstream = job.files(rows), downstream_of(candidate)
    validation = pl.read_parquet(folder / "validation.parquet")
    validation = draw(validation, config.validation_rows, derive(config.seed, "validation"))
    pool = pl.read_parquet(folder / "pool.parquet") if downstream.pool else validation.clear()
    return Exam(downstream, validation, pool)


def _asked(job: Job, exam: Exam, folder: Path, title: str) -> np.ndarray:
    """The answers of a model."""
    downstream, predictor = load(folder, job.workplace.device)
    return exam.answers(downstream, predictor, lambda done, total: job.progress(done, total, title))


def _preference(folder: Path) -> tuple[int, int]:
    """Of equally good models the one that has learnt from more labels is taken, then that of fewer weights."""
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    return train_rows(folder), -summary["trainable_parameters"]


@dataclass(frozen=True)
class _Last:
    """The last champion, and what it said of the rows; or why it was not asked, and whether it stays all the same."""

    version: str
    answers: np.ndarray | None
    note: str = ""
    stays: bool = False


def _last(
    job: Job, exam: Exam, last: registry.Version, answers: Mapping[str, np.ndarray], rows: refs.Split
) -> _Last:
    """Asks the last champion.

    One that nobody can use any more makes room for the best of the candidates. One that is for something else, or not
    of Headwater's making, cannot be compared with them, and it is not for us to take the alias from it.
    """
    if last.number in answers:
        return _Last(last.number, answers[last.number])
    folder = last.folder()
    if folder is None:
        return _Last(last.number, None, "its files are gone", stays=not last.key)
    try:
        if other := _stranger(folder, exam.downstream):
            return _Last(last.number, None, f"it cannot be compared: {other}", stays=True)
        found = _asked(job, exam, folder, f"the last champion, version {last.number}")
    except Stopped:
        raise
    except Exception as error:  # whatever files that are damaged, or of another Headwater, may lead to
        # Of files they cannot read, libraries raise an OSError without a number.
        if may_heal(error) and not (isinstance(error, OSError) and error.errno is None):
            raise
        return _Last(last.number, None, f"it can no longer be loaded: {reason(error)}")
    return _Last(last.number, found, _changed(folder, rows))


def _stranger(folder: Path, downstream: Downstream) -> str:
    """Why a model has nothing to do with this entry; empty where it has."""
    if not (folder / SETTLED).is_file() or not (folder / "model").is_dir():
        return "it is not a model that Headwater has carried over"
    kind = json.loads((folder / SETTLED).read_text(encoding="utf-8"))["kind"]
    if kind != downstream.kind:
        return f"it is for {kind}, and this entry for {downstream.kind}"
    measured = downstream_of(folder).headline
    if measured != downstream.headline:
        return f"it is measured by {measured}, and this entry by {downstream.headline}"
    return ""


def _changed(folder: Path, rows: refs.Split) -> str:
    """What to say of a model that comes from other labelled rows than the candidates."""
    listed = folder / manifest.NAME
    if not listed.is_file() or manifest.inputs(listed).get("rows") == rows.key:
        return ""
    return (
        "it comes from other labelled rows, since files, settings or code have changed, and may have learnt from "
        "some of those it was compared on"
    )


def _verdict(
    config: PromoteConfig, exam: Exam, answers: Mapping[str, np.ndarray], best: str, last: _Last | None
) -> dict[str, Any]:
    """Who becomes the champion, and why."""
    found: dict[str, Any] = {
        "name": _registered(config).name,
        "metric": exam.downstream.headline,
        "rows": exam.rows.height,
        "validation": {version: exam.score(item) for version, item in answers.items()},
        "best": best,
        "last": None,
        "crowned": last is None or not last.stays,
    }
    if last is not None:
        found["last"] = {"version": last.version, "note": last.note}
        if last.answers is not None:
            difference = exam.difference(answers[best], last.answers, config.resamples, config.seed)
            found["last"] |= {"validation": exam.score(last.answers), "difference": difference}
            found["crowned"] = not difference["worse"]
    return found


def _told(found: Mapping[str, Any]) -> str:
    """What became of the alias, in one line."""
    name, best, last = found["name"], found["best"], found["last"] or {}
    note = f"; of version {last['version']}: {last['note']}" if last.get("note") else ""
    if found["crowned"]:
        before = f" in place of version {last['version']}" if last and last["version"] != best else ""
        return f"version {best} of {name} is the champion{before}{note}"
    why = f", version {best} is worse on the same validation rows" if "difference" in last else ""
    return f"version {last['version']} of {name} stays the champion{why}{note}"
