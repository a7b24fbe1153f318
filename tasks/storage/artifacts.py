"""The store: MLflow, seen as finished artifacts found by their key.

An artifact counts only when all its files and, last, its manifest are stored and its run is FINISHED, so a
kill at any moment leaves either nothing or the whole.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow.entities import Run, RunStatus
from mlflow.exceptions import MlflowException

from models.errors import RecipeError, StoreError
from tasks.graph.refs import Ref
from tasks.graph.step import step_of
from tasks.storage import content, digests, kept, manifest
from tasks.storage.connection import (
    at_once,
    client,
    known_experiment,
    page_of,
    reaching,
    search_all,
    tracking_uri,
)
from tasks.storage.runs import FINISHED, KEPT, KEPT_REASON, end_stale

_FINISHED = "attributes.status = 'FINISHED'"
AGAIN = "run its recipe again to make it anew"
_ARTIFACT = f"tags.`headwater.key` LIKE '%' and {_FINISHED}"
_OF_NO_SHARD = f"{_ARTIFACT} and tags.`headwater.shard` IS NULL"
_AT_ONCE = 2000
"""Runs that one question to the store gives; those of the last weeks."""
_PAGE = 500
"""Of these, those that are asked for at once where the newest may be enough."""
_OF_A_KEY = 100
"""Runs of one key that are looked at: most have one, those of a step that fails again and again some more."""
_FEW = 20
"""Keys that are quicker asked for one by one."""
Counting = tuple[Run, str]
"""The run whose artifact counts for a key, and why, where it was made for another."""
_seen: dict[tuple[str, str], Run] = {}
"""Artifacts whose files this process was given before, by store and key: it only looks whether they are still whole."""


@dataclass(frozen=True)
class Made:
    """A finished artifact: the run that made it, and what that run measured."""

    run_id: str
    seconds: float
    metrics: dict[str, float]
    kept: str = ""
    """Why it counts for another key than the one it was made for, where somebody decided so."""
    tags: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    run: Run | None = field(default=None, repr=False, compare=False)


def find(key: str) -> Made | None:
    """The newest finished artifact with this key whose files are really there."""
    counting = _whole(key)
    return counting and _made(*counting)


def look_up(ref: Ref) -> Made | None:
    """The artifact of `ref` as `find` has it, if what its step did outside of it is still there too."""
    made = find(ref.key)
    return made if made is not None and step_of(ref).stands(ref) else None


def claim(ref: Ref) -> Made | None:
    """For who holds the lease of its key: what `look_up` gives, and runs that still say they make it are ended, since
    they were killed; with one question to the store."""
    with reaching():
        known = search_all(f"tags.`headwater.key` = '{ref.key}'", _OF_A_KEY)
        end_stale(known)
        ended = (run for run in known if run.info.status == FINISHED)
        counting = next((found for run in ended if (found := _counting(run)) is not None), None)
    return _made(*counting) if counting is not None and step_of(ref).stands(ref) else None


def look_up_all(refs: Sequence[Ref]) -> dict[Ref, Made]:
    """Those of `refs` that are there, as `look_up` has it, with few questions to the store."""
    made = _newest({ref.key for ref in refs})
    return {ref: _made(*made[ref.key]) for ref in refs if ref.key in made and step_of(ref).stands(ref)}


def at_hand(refs: Sequence[Ref]) -> dict[str, Made]:
    """By their keys, those of `refs` that are there; their `files` are given without asking the store again."""
    counting = _newest({ref.key for ref in refs})
    _seen.update({(tracking_uri(), key): run for key, (run, _) in counting.items()})
    return {key: _made(*found) for key, found in counting.items()}


def _newest(keys: Set[str]) -> dict[str, Counting]:
    """The newest whole artifact of each key that has one; most are among the last that were made."""
    with reaching(), digests.known():
        last = [] if len(keys) < _FEW else search_all(_ARTIFACT, _AT_ONCE)
        runs: dict[str, list[Run]] = {}
        for run in last:
            if (key := run.data.tags["headwater.key"]) in keys:
                runs.setdefault(key, []).append(run)
        ask = len(last) in (0, _AT_ONCE)

        def whole(key: str) -> Counting | None:
            found = next((counting for run in runs.get(key, ()) if (counting := _counting(run))), None)
            return found or (_whole(key) if ask else None)

        ordered = sorted(keys)
        return {key: found for key, found in zip(ordered, at_once(whole, ordered), strict=True) if found}


def intact(run_id: str) -> bool:
    """Whether the files of a finished artifact are all there; those of a deleted run are for a while."""
    with reaching():
        run = _run(run_id)
        return run is not None and content.is_whole(run)


def finished(experiment_name: str) -> Iterator[Made]:
    """The last finished artifacts of an experiment, whatever their keys, the newest first, without those of shards, of
    which there may be thousands; of a key for which an older one was kept nothing was made."""
    experiment_id = known_experiment(experiment_name)
    token, left = None, _AT_ONCE if experiment_id else 0
    while left:
        runs, token = page_of(_OF_NO_SHARD, token, _PAGE, experiment_id)
        yield from (_made(run) for run in runs if KEPT not in run.data.tags)
        left = left - _PAGE if token else 0


def size(made: Made) -> int:
    """Bytes of a finished artifact, as its manifest lists them; 0 where its files are gone."""
    with reaching():
        listed = (made.run and content.manifest_of(made.run)) or {"files": []}
    return sum(item["bytes"] for item in listed["files"])


def manifest_of(run_id: str) -> dict[str, Any] | None:
    """What the manifest of a run says; None where there is none, or one that is damaged."""
    with reaching():
        return content.manifest_of(client().get_run(run_id))


def read_json(run_id: str, name: str) -> Any | None:
    """What the JSON file `name` of a run holds; None where there is none that can be read."""
    with reaching(), content.file(run_id, name) as path:
        try:
            return json.loads(path.read_bytes()) if path else None
        except ValueError:
            return None


def _whole(key: str) -> Counting | None:
    with reaching():
        runs = search_all(f"tags.`headwater.key` = '{key}' and {_FINISHED}")
        return next((counting for run in runs if (counting := _counting(run)) is not None), None)


def _counting(run: Run) -> Counting | None:
    """The run whose artifact counts for the key of `run`: itself, or that of an older one that was kept."""
    older = run.data.tags.get(KEPT)
    made = _run(older) if older else run
    if made is None or made.info.lifecycle_stage != "active" or not content.is_whole(made):
        return None
    return made, run.data.tags.get(KEPT_REASON, "")


def _run(run_id: str) -> Run | None:
    """The run with this id; None where it is gone for good."""
    try:
        return client().get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def _made(run: Run, reason: str = "") -> Made:
    milliseconds = (run.info.end_time or 0) - (run.info.start_time or 0)
    data = run.data
    return Made(
        run.info.run_id,
        milliseconds / 1000,
        dict(data.metrics),
        reason,
        dict(data.tags),
        dict(data.params),
        run,
    )


def files(ref: Ref) -> Path:
    """A local folder with the files of a finished artifact; treat it as read-only.

    Raises:
        StoreError: when the artifact is not (or no longer) there.
    """
    known = tracking_uri(), ref.key
    with reaching():
        run = _seen.pop(known, None)
        if run is None or not content.is_here(run, ref.key):
            run, _ = _whole(ref.key) or (None, "")
        if run is None:
            raise StoreError(
                f"the files of {ref.title} are no longer in the store, or damaged; run the flow again to make them"
            )
        folder = content.fetched(run, ref.key)
        _seen[known] = run
        return folder


def folder(run_id: str, key: str) -> Path:
    """A local folder with the files of the finished artifact that a run made; treat it as read-only.

    Raises:
        StoreError: when they are gone or damaged.
    """
    with reaching():
        run = client().get_run(run_id)
        if not content.is_here(run, key):
            raise StoreError(f"the files of run {run_id} are gone or damaged; {AGAIN}")
        return content.fetched(run, key)


def commit(run_id: str, ref: Ref, folder: Path) -> dict[str, float]:
    """Store every file of `folder`, then the manifest, then finish the run, in this order; what it has measured."""
    listed = manifest.of(ref, folder)
    text = json.dumps(listed, indent=1)
    with reaching():
        kept.mark(run_id, ref)
        client().log_text(run_id, json.dumps(ref.made_of), manifest.MADE_OF)
        client().log_artifacts(run_id, str(folder))
        run = client().get_run(run_id)
        content.share(run, listed)
        client().set_tag(run_id, content.MANIFEST, hashlib.sha256(text.encode()).hexdigest())
        client().log_text(run_id, text, manifest.NAME)
        client().set_terminated(run_id, RunStatus.to_string(RunStatus.FINISHED))
        return dict(run.data.metrics)


def check(folder: Path) -> None:
    """
    Raises:
        RecipeError: files of the artifact in `folder` are damaged or gone.
    """
    if (folder / manifest.NAME).is_file() and (name := next(manifest.damaged(folder), None)):
        raise RecipeError(f"{folder / name} is damaged or gone; {AGAIN}")
