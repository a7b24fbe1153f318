"""Two runs beside each other: the settings, code and libraries that differ, and the scores on the rows they share."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import TypeAdapter

from flows.recipe import yaml_text
from flows.recipe.recipe import by_name
from models.adapted.files import SETTLED
from models.bootstrap import difference, resampled
from models.data.records import PROVENANCE
from models.errors import RecipeError
from models.interfaces.downstream import Downstream, DownstreamField
from models.reporting.resampling import statistics
from tasks.storage import artifacts, lineage, manifest, provenance, runs
from tasks.storage.changes import differences
from tasks.storage.runs import Tracked

ABOUT = ("entry", "mode", "labels", "seed")
_NOT_TOLD_APART = "not told apart"


@dataclass(frozen=True)
class _Scored:
    """A model's row statistics, with the test rows they are of."""

    ids: list[str]
    statistics: np.ndarray
    downstream: Downstream
    rows: dict[str, dict[str, Any]]
    resamples: int
    seed: int


def flows(a: Tracked, b: Tracked) -> dict[str, Any]:
    """Two flow runs: what differs in them, and each score that both have."""
    one, other = (_scores(lineage.steps(run)) for run in (a, b))
    both = [title for title in one if title in other]
    return {
        "a": _run(a),
        "b": _run(b),
        "settings": _named(differences(_settings(a), _settings(b))),
        "code": provenance.differing(*(provenance.code(run.run_id) for run in (a, b))),
        "libraries": _named(differences(_libraries(a), _libraries(b))),
        "scores": [
            _step(one[title]) | scores(one[title]["run_id"], other[title]["run_id"]) for title in both
        ],
        "only_a": [title for title in one if title not in other],
        "only_b": [title for title in other if title not in one],
    }


def models(a: Tracked, b: Tracked) -> dict[str, Any]:
    """Two runs of `adapt`, `predict` or `score`: what differs in how the models were made, and their scores."""
    one, other = lineage.scores(a), lineage.scores(b)
    told = {"entry": "name", "mode": "mode", "labels": "labels", "seed": "seed"}
    tags = {
        name: (one.tags.get(f"headwater.{tag}"), other.tags.get(f"headwater.{tag}"))
        for name, tag in told.items()
    }
    about = {name: before if before == after else None for name, (before, after) in tags.items()}
    flow = [lineage.flow_of(run) for run in (one, other)]
    return {
        "a": _run(one),
        "b": _run(other),
        "settings": _named(differences(_made_of(one), _made_of(other))),
        "code": provenance.differing(*(provenance.code(run.run_id) for run in flow)),
        "libraries": _named(differences(_libraries(flow[0]), _libraries(flow[1]))),
        "scores": [{"title": one.name, **about} | scores(one.run_id, other.run_id)],
        "only_a": [],
        "only_b": [],
    }


def scores(a: str, b: str) -> dict[str, Any]:
    """The metrics of two runs of `score`, b minus a, paired on the test rows that both have scored."""
    made = {"run_a": a, "run_b": b}
    if a == b:
        return made | {"same": True, "rows": None, "metrics": {}, "note": "the same artifact"}
    one, other = _scored(a), _scored(b)
    if one.downstream.kind != other.downstream.kind:
        return made | {"same": False, "rows": 0, "metrics": {}, "note": "other kinds of downstream"}
    common = [name for name in one.ids if name in other.rows and one.rows[name] == other.rows[name]]
    metrics = _metrics(one, other, common) if common else {}
    headline = other.downstream.headline
    sizes = {"rows": len(common), "rows_a": len(one.ids), "rows_b": len(other.ids)}
    note = "" if common else "no test row in common"
    return made | {"same": False, **sizes, "headline": headline, "metrics": metrics, "note": note}


def _metrics(one: _Scored, other: _Scored, common: Sequence[str]) -> dict[str, Any]:
    samples = []
    for scored in (one, other):
        places = {name: place for place, name in enumerate(scored.ids)}
        rows = scored.statistics[:, [places[name] for name in common]]
        # The same seed, so that both are drawn the same rows.
        samples.append(resampled(rows, scored.downstream.metrics, one.resamples, one.seed))
    before, after = samples
    return {
        name: {
            "a": before.values[name],
            "b": after.values[name],
            **{bound: values[bound] for bound in ("value", "low", "high")},
            "verdict": "better" if values["better"] else "worse" if values["worse"] else _NOT_TOLD_APART,
        }
        for name, values in difference(after, before, other.downstream.lower_is_better).items()
    }


def _scored(run_id: str) -> _Scored:
    """
    Raises:
        RecipeError: what it was made from is no longer there, or today's code no longer knows its downstream.
    """
    listed, config = artifacts.manifest_of(run_id), artifacts.read_json(run_id, "config.json")
    if listed is None or config is None:
        raise RecipeError(f"the scores of run {run_id} are no longer in MLflow; run its recipe again")
    predictions, own = _files(listed["inputs"]["predictions"]), artifacts.folder(run_id, listed["key"])
    try:
        settled = next(path for path in (own / SETTLED, predictions / SETTLED) if path.is_file()).read_text(
            "utf-8"
        )
        downstream = TypeAdapter[Downstream](DownstreamField).validate_json(settled)
    except ValueError as error:
        raise RecipeError(f"run {run_id}: today's code does not know its downstream any more") from error
    predicted = pl.read_parquet(predictions / "predictions.parquet")
    if "draw" in predicted.columns:
        predicted = predicted.filter(pl.col("draw") == 0)
    return _Scored(
        predicted["id"].to_list(),
        statistics(own),
        downstream,
        _rows(_files(listed["inputs"]["rows"])),
        config["resamples"],
        config["seed"],
    )


def _files(key: str) -> Path:
    return lineage.of_key(key).folder()


@cache
def _rows(split: Path) -> dict[str, dict[str, Any]]:
    """Test rows by id: rows of other data may have the same ids."""
    rows = pl.read_parquet(split / "test.parquet")
    return {row["id"]: row for row in rows.drop(PROVENANCE, strict=False).to_dicts()}


def _scores(steps: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Steps that scored a model, by title."""
    return {item["title"]: item for item in steps if item["step"] == "score" and item["run_id"]}


def _step(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item.get(name) for name in ("title", *ABOUT)}


def _run(run: Tracked) -> dict[str, str]:
    return {"run_id": run.run_id, "name": run.name, "status": run.status}


def _named(found: Iterator[tuple[str, Any, Any]]) -> list[dict[str, Any]]:
    return [{"name": name, "a": a, "b": b} for name, a, b in found]


def _settings(flow: Tracked) -> Any:
    """A flow run's recipe, its lists of entries by their names."""
    text = provenance.text(flow.run_id, runs.RECIPE)
    if text is None:
        raise RecipeError(f"run {flow.run_id} ({flow.name}) does not hold its recipe")
    return by_name(yaml_text.parse(text)[0])


def _made_of(scored: Tracked) -> dict[str, Any]:
    """How a scored model was made: the settings of each step that it comes from."""
    made = lineage.of_key(scored.tags["headwater.key"])
    found = {}
    for node in (made, *made.above()):
        if node.run is not None:
            identity = artifacts.read_json(node.run.run_id, manifest.MADE_OF) or {"config": {}}
            entry = (
                "" if node.step in ("adapt", "predict", "score") else node.run.tags.get("headwater.name", "")
            )
            found[f"{node.step}/{entry}" if entry else node.step] = identity["config"]
    return found


def _libraries(flow: Tracked) -> dict[str, str]:
    return provenance.versions(provenance.text(flow.run_id, provenance.LOCK) or "")


def as_json(document: Mapping[str, Any]) -> str:
    """A comparison for scripts."""
    return json.dumps(document, ensure_ascii=False, indent=2, default=str)
