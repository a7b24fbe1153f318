"""Lineage: what an artifact was made from, walked from key to key through what MLflow holds.

Every manifest names the keys of its inputs, and the store finds a key's run. So no recipe is needed, the code may
have changed since, and an artifact that a flow run found made leads to the run that made it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from models.errors import RecipeError
from tasks.storage import artifacts, connection, runs
from tasks.storage import sources as kept_sources
from tasks.storage.runs import Tracked

_FEW = 8
"""Runs that are named to choose from."""
_PARTS = ("train", "validation", "all")
_TOLD = ("downstream", "mode", "labels", "seed")
"""Tags that an adapted model and its predictions share, which spares reading the manifests of all others."""


@dataclass(frozen=True)
class Node:
    """An artifact, the run that made it (None: it is no longer in MLflow), and what it was made from."""

    key: str
    run: Tracked | None
    inputs: "Mapping[str, tuple[Node, ...]]" = field(default_factory=dict)
    kept: str = ""
    """Why it counts for another key than its own, where somebody decided so."""

    @property
    def step(self) -> str:
        """The step that made it; empty where that is not known any more."""
        return self.run.step if self.run else ""

    def above(self, but: Collection[str] = ()) -> "list[Node]":
        """All it was made from, each once, the nearest first; `but`: inputs of its own that are left out."""
        found: dict[str, Node] = {}
        waiting = [node for name, nodes in self.inputs.items() if name not in but for node in nodes]
        while waiting:
            node = waiting.pop(0)
            if node.key not in found:
                found[node.key] = node
                waiting += [parent for parents in node.inputs.values() for parent in parents]
        return list(found.values())

    def folder(self) -> Path:
        """A local folder with its files; treat it as read-only.

        Raises:
            RecipeError: it is no longer in MLflow.
        """
        if self.run is None:
            raise RecipeError(
                f"the artifact with key {self.key[:12]} is no longer in MLflow; {artifacts.AGAIN}"
            )
        return artifacts.folder(self.run.run_id, self.key)


def of_key(key: str, known: dict[str, Node] | None = None) -> Node:
    """The artifact with this key, and all it was made from; `known`: what has been walked already."""
    known = {} if known is None else known
    if key not in known:
        made = artifacts.find(key)
        known[key] = Node(key, None) if made is None else _of_run(runs.get(made.run_id), known, made.kept)
    return known[key]


def _of_run(run: Tracked, known: dict[str, Node] | None = None, kept: str = "") -> Node:
    """The artifact that a run made."""
    known = {} if known is None else known
    listed = artifacts.manifest_of(run.run_id)
    if listed is None:
        why = run.tags.get(runs.REASON) or "its files are gone"
        raise RecipeError(
            f"run {run.run_id} ({run.name}, {run.status}) made no artifact: {why}; {artifacts.AGAIN}"
        )
    inputs = {name: tuple(of_key(key, known) for key in keys) for name, keys in _inputs(listed)}
    return Node(listed["key"], run, inputs, kept)


def _inputs(listed: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Names and keys of what a manifest says it was made from; an input may be none, one or several."""
    for name, given in listed["inputs"].items():
        yield name, given if isinstance(given, list) else [given] if given else []


def predictions(start: str) -> Node:
    """The predictions that a run of `predict`, `score` or `adapt` made, was made from, or led to.

    Args:
        start: the run's id, or enough of its first digits.

    Raises:
        RecipeError: there is no such run, or no predictions to it.
    """
    run = run_of(start)
    if run.step not in ("predict", "score", "adapt"):
        what = f"of step '{run.step}'" if run.step else "not of one step"
        such = "" if run.step else _predicted(run)
        raise RecipeError(f"run {start} ({run.name}) is {what}; give a run of predict, score or adapt{such}")
    if run.step == "adapt":
        run = _made_from(run, "predict", "adapted")
    node = _of_run(run)
    if run.step == "score":
        (node,) = node.inputs["predictions"]
    if node.run is None:
        raise RecipeError(f"the predictions of run {start} are no longer in MLflow; {artifacts.AGAIN}")
    return node


def _predicted(run: Tracked) -> str:
    """The runs of predictions in the flow run that a run belongs to, to choose from."""
    made = [step for step in steps(flow_of(run)) if step["step"] == "predict" and step["run_id"]]
    named = ", ".join(f"{step['name']} {step['run_id'][:12]}" for step in made[:_FEW])
    more = f" and {len(made) - _FEW:,} more" if len(made) > _FEW else ""
    return f", such as {named}{more}" if made else ""


def scores(run: Tracked) -> Tracked:
    """The newest run that scored what a run of `adapt`, `predict` or `score` made."""
    if run.step == "adapt":
        run = _made_from(run, "predict", "adapted")
    return _made_from(run, "score", "predictions") if run.step == "predict" else run


def run_of(start: str) -> Tracked:
    """The one run whose id begins with `start`.

    Raises:
        RecipeError: there is none, or several.
    """
    digits = start.lower()
    hexadecimal = digits and not set(digits) - set("0123456789abcdef")
    found = runs.beginning_with(digits) if hexadecimal else []
    if not found:
        raise RecipeError(
            f"no run '{start}' in MLflow at {connection.public(connection.tracking_uri())}; "
            "`headwater run RECIPE --steps` shows runs in its last column"
        )
    if len(found) > 1:
        several = ", ".join(run.run_id for run in found[:3])
        raise RecipeError(f"several runs begin with '{start}', such as {several}; give more digits")
    return found[0]


def flow_of(run: Tracked) -> Tracked:
    """The parent run of the flow run that a run belongs to; itself, where it is one.

    Raises:
        RecipeError: it belongs to none.
    """
    while run.tags.get("headwater.parent") != "true":
        above = run.tags.get("mlflow.parentRunId")
        if above is None:
            raise RecipeError(f"run {run.run_id} ({run.name}) is of no flow run of this program")
        run = runs.get(above)
    return run


def steps(flow: Tracked) -> list[dict[str, Any]]:
    """What became of each step in a flow run, hits as well, as its parent run keeps it.

    Raises:
        RecipeError: it keeps nothing of that.
    """
    listed = artifacts.read_json(flow.run_id, runs.STEPS)
    if listed is None:
        raise RecipeError(
            f"run {flow.run_id} ({flow.name}, {flow.status}) has no {runs.STEPS}: it never ended, or an earlier "
            "version made it; run its recipe again"
        )
    return listed


def _made_from(run: Tracked, step: str, given: str) -> Tracked:
    """The newest run of `step` that was given what a run made."""
    names = [f"headwater.{name}" for name in _TOLD]
    tags = {name: run.tags[name] for name in names if name in run.tags}
    for found in runs.finished({"headwater.step": step, **tags}):
        listed = artifacts.manifest_of(found.run_id)
        if listed is not None and listed["inputs"][given] == run.tags["headwater.key"]:
            return found
    raise RecipeError(f"no {step} in MLflow was made from run {run.run_id} ({run.name}); {artifacts.AGAIN}")


def sources(ingested: Node, file: str) -> list[str]:
    """Where the file lay that rows call `file`, if this is who read it."""
    read = kept_sources.of(ingested.run.run_id) if ingested.run else None
    return [item["path"] for item in read or () if item["file"] == file]


def shards(corpus: Node) -> tuple[Node, ...]:
    """What a corpus was put together from: the one artifact `rows` where an earlier version did it."""
    return corpus.inputs.get("shards") or corpus.inputs["rows"]


def documents(corpus: Node) -> "list[tuple[str, dict[str, int], Node, str]]":
    """The files of a corpus, or of the shards that a tokenizer was learnt from: the name of each, its documents by part
    (`all` where none were held out), and who read it under which name."""
    made_of = shards(corpus)
    if corpus.step != "hold_out":
        files = pl.concat(_files(number, shard) for number, shard in enumerate(made_of))
    elif "shards" in corpus.inputs:
        files = pl.read_parquet(corpus.folder() / "files.parquet")
    else:
        files = _files_of_parts(corpus)
    readers = [next(node for node in (shard, *shard.above()) if node.step == "ingest") for shard in made_of]
    return [
        (
            row["name"],
            {part: row[part] for part in _PARTS if row.get(part)},
            readers[row["shard"]],
            row["file"],
        )
        for row in files.sort("name", maintain_order=True).iter_rows(named=True)
    ]


def _files(number: int, shard: Node) -> pl.DataFrame:
    column = pl.scan_parquet(shard.folder() / "rows.parquet").select("file")
    files = column.group_by("file", maintain_order=True).len("all").collect()
    return files.with_columns(shard=pl.lit(number), name="file")


def _files_of_parts(corpus: Node) -> pl.DataFrame:
    """The files of a corpus as an earlier version held it: the texts of each part in a table."""
    parts = ("train", "validation")
    tables = (
        pl.scan_parquet(corpus.folder() / f"{part}.parquet").select("file", part=pl.lit(part))
        for part in parts
    )
    counted = (
        pl.concat(tables).group_by("file").agg((pl.col("part") == part).sum().alias(part) for part in parts)
    )
    return counted.with_columns(shard=pl.lit(0), name="file").collect(engine="streaming")
