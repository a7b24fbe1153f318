"""What in MLflow nothing refers to any more, and its deletion with all its files.

It stays: a registered version with an alias, and the champion before it; what the newest flow run of each step made or
found; what is young; whoever computes now; and all that these were made from, as their manifests say.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mlflow.entities import Run, ViewType
from mlflow.entities.model_registry import ModelVersion

from tasks.environment import home, home_id
from tasks.storage import artifacts, content
from tasks.storage.connection import client, reaching, tracking_uri
from tasks.storage.lease import of_flow
from tasks.storage.runs import KEPT, STEPS, TRIAL

_OURS = ("headwater.step", "headwater.parent", "headwater.entry", TRIAL)
"""A run with one of these tags is a step's, a flow's, an entry's or a trial's."""


@dataclass(frozen=True)
class Unused:
    """Something that may be deleted."""

    kind: str
    title: str
    files: Sequence[Path]
    """Files and folders on this machine."""
    delete: Callable[[], object]


@dataclass(frozen=True)
class Found:
    """What may be deleted, and the rest."""

    unused: Sequence[Unused]
    flow_run_ids: frozenset[str]
    """Prefect's flow runs whose runs in MLflow stay."""
    young: int
    """Runs that stay for being young alone."""
    busy: bool
    """Whether a run goes on, for which every artifact is kept."""


def find(since: int, is_free: Callable[[str], bool]) -> Found:
    """What may be deleted.

    Args:
        since: milliseconds; what ended later is young.
        is_free: whether nobody holds the lease of this name.
    """
    with reaching():
        store = _Store(is_free)
        old = store.kept()
        young = {run_id for run_id, run in store.runs.items() if _ended(run) >= since}
        kept = store.with_origins(old | young)
        unused = [store.unused(run) for run_id, run in store.runs.items() if run_id not in kept]
        if tracking_uri() == f"sqlite:///{home() / 'mlflow.db'}":
            unused += _orphans(since, set(store.runs) | store.foreign)
        ids = {
            run.data.tags.get("headwater.flow_run_id", "")
            for run_id, run in store.runs.items()
            if run_id in kept
        }
        return Found(unused, frozenset(ids), len(kept - store.with_origins(old)), store.busy)


class _Store:
    """All runs of Headwater's, deleted ones too."""

    def __init__(self, is_free: Callable[[str], bool]) -> None:
        every = {run.info.run_id: run for run in _every_run()}
        self.runs = {
            run_id: run for run_id, run in every.items() if any(tag in run.data.tags for tag in _OURS)
        }
        self.foreign = every.keys() - self.runs.keys()
        self._is_free = is_free
        self.alive = {run_id for run_id, run in self.runs.items() if self._goes_on(run)}
        self.busy = any("headwater.parent" in self.runs[run_id].data.tags for run_id in self.alive)
        self._versions: dict[str, list[ModelVersion]] = {}
        for item in _pages(client().search_model_versions):
            self._versions.setdefault(item.run_id or "", []).append(item)
        self._makers: dict[str, str] = {}

    def kept(self) -> set[str]:
        """What stays whatever its age, but for what it was made from."""
        kept = self.alive | set(_promoted()) | self._newest_flows()
        by_hand = (
            item for items in self._versions.values() for item in items if "headwater.key" not in item.tags
        )
        kept |= {item.run_id or "" for item in by_hand}
        kept |= {run_id for run_id, run in self.runs.items() if KEPT in run.data.tags and _is_active(run)}
        if self.busy:
            kept |= {run_id for run_id, run in self.runs.items() if run.info.status == "FINISHED"}
        return kept

    def with_origins(self, roots: set[str]) -> set[str]:
        """These, what they were made from, and the runs they hang below."""
        found: set[str] = set()
        waiting = list(roots)
        while waiting:
            run_id = waiting.pop()
            if run_id not in self.runs or run_id in found:
                continue
            found.add(run_id)
            tags = self.runs[run_id].data.tags
            waiting += [tags[tag] for tag in ("mlflow.parentRunId", KEPT) if tag in tags]
            if "headwater.key" in tags and self.runs[run_id].info.status == "FINISHED":
                waiting += self._inputs(run_id)
        tried = {run_id: run.data.tags for run_id, run in self.runs.items() if TRIAL in run.data.tags}
        return found | {run_id for run_id, tags in tried.items() if tags.get("mlflow.parentRunId") in found}

    def unused(self, run: Run) -> Unused:
        folder = content.local(run.info.artifact_uri)
        files = [] if folder is None else [folder.parent if folder.parent.name == run.info.run_id else folder]
        title = f"{run.info.run_name} ({run.info.run_id})"
        return Unused(_kind(run), title, files, partial(self._delete, run, files))

    def _delete(self, run: Run, files: Sequence[Path]) -> None:
        run_id = run.info.run_id
        with reaching():
            for item in self._versions.get(run_id, ()):
                client().delete_model_version(item.name, str(item.version))
            if _is_active(run):
                client().delete_run(run_id)
            for output in run.outputs.model_outputs if run.outputs else ():
                _delete_logged_model(output.model_id)
            if forgets():
                for path in files:
                    shutil.rmtree(path, ignore_errors=True)
                _database()._hard_delete_run(run_id)

    def _goes_on(self, run: Run) -> bool:
        tags = run.data.tags
        if run.info.status != "RUNNING" or not _is_active(run):
            return False
        if tags.get("headwater.home") != home_id():
            return True  # another's; nothing is known of it here
        return not self._is_free(of_flow(tags.get("headwater.flow_run_id", run.info.run_id)))

    def _newest_flows(self) -> set[str]:
        """The newest flow run of each recipe, the newest of each step it can have, and what they made and found."""
        flows = [run for run in self.runs.values() if "headwater.parent" in run.data.tags and _is_active(run)]
        flows.sort(key=lambda run: run.info.start_time, reverse=True)
        kept: set[str] = set()
        seen: dict[str, set[str]] = {}
        for flow in flows:
            known = seen.get(flow.info.experiment_id)
            steps = artifacts.read_json(flow.info.run_id, STEPS) or []
            names = {item["name"] for item in steps if item["status"] in ("hit", "run")}
            if known is None:
                same = flow.data.tags.get("headwater.flow_run_id")
                kept |= {
                    run_id
                    for run_id, run in self.runs.items()
                    if run.data.tags.get("headwater.flow_run_id") == same and _is_active(run)
                }
            if known is None or names - known:
                kept |= {flow.info.run_id, *(item["run_id"] for item in steps if item["run_id"])}
            seen[flow.info.experiment_id] = names | (known or set())
        return kept

    def _inputs(self, run_id: str) -> Iterator[str]:
        listed = artifacts.manifest_of(run_id)
        for keys in listed["inputs"].values() if listed else ():
            for key in keys if isinstance(keys, list) else [keys]:
                if key not in self._makers:
                    made = artifacts.find(key) if key else None
                    self._makers[key] = made.run_id if made else ""
                yield self._makers[key]


def forgets() -> bool:
    """Whether the store can forget a run for good; a server cannot, and has `mlflow gc`, which its owner calls."""
    return hasattr(_database(), "_hard_delete_run")


def _database() -> Any:
    return client()._tracking_client.store


def _delete_logged_model(model_id: str) -> None:
    """The model on MLflow's pages that a run's artifact is; its files are a link, or a copy where that was followed."""
    place = content.local(str(client().get_logged_model(model_id).artifact_location))
    client().delete_logged_model(model_id)
    if forgets():
        if place is not None:
            place.unlink() if place.is_symlink() else shutil.rmtree(place, ignore_errors=True)
            with suppress(OSError):
                place.parent.rmdir()
        _database()._hard_delete_logged_model(model_id)


def _every_run() -> Iterator[Run]:
    experiments = _pages(partial(client().search_experiments, view_type=ViewType.ALL))
    ids = [item.experiment_id for item in experiments]
    return _pages(partial(client().search_runs, ids, run_view_type=ViewType.ALL, max_results=2000))


def _pages(search: Callable[..., Any]) -> Iterator[Any]:
    """All that MLflow finds, page after page."""
    token, more = None, True
    while more:
        page = search(page_token=token)
        yield from page
        token, more = page.token, bool(page.token)


def _promoted() -> Iterator[str]:
    """Runs of versions with an alias, and of the champion before, to which one may want to go back."""
    for model in _pages(client().search_registered_models):
        decisions = json.loads(model.tags.get("headwater.promotions", "[]"))
        last = list(dict.fromkeys(item["version"] for item in reversed(decisions)))[:2]
        for version in {*map(str, model.aliases.values()), *last}:
            yield client().get_model_version(model.name, version).run_id or ""


def _ended(run: Run) -> int:
    return run.info.end_time or run.info.start_time or 0


def _is_active(run: Run) -> bool:
    return run.info.lifecycle_stage == "active"


def _kind(run: Run) -> str:
    if not _is_active(run):
        return "runs deleted in MLflow"
    if "headwater.step" not in run.data.tags:
        return "flow runs"
    return "artifacts" if run.info.status == "FINISHED" else "failed runs"


def _orphans(since: int, known: set[str]) -> Iterator[Unused]:
    """Folders of runs that MLflow knows nothing of."""
    for folder in (home() / "artifacts").glob("*/*"):
        name = folder.name
        if len(name) == 32 and not set(name) - set("0123456789abcdef") and name not in known:
            with suppress(OSError):
                if folder.stat().st_mtime * 1000 < since:
                    yield Unused("files without a run", str(folder), [folder], partial(shutil.rmtree, folder))
