"""Runs in MLflow: one parent a flow run, one child an executed step, with links to Prefect and back."""

import json
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS, MLFLOW_RUN_NOTE, MLFLOW_USER

from models.config import leaves
from tasks.environment import as_written, home_id, public
from tasks.graph.refs import Ref
from tasks.storage import origin, team_leases
from tasks.storage.connection import client, page_of, reaching, search, search_all, ui_url
from tasks.storage.lease import is_free, of_flow

REASON = "headwater.reason"
KEPT, KEPT_REASON = "headwater.kept", "headwater.kept_reason"
"""Of a run that made nothing: the run whose artifact counts for its key, and why somebody decided so."""
FROM_KEPT = "headwater.from_kept"
"""Of a run that made something: those by which inputs of it, or of these, were kept."""
FINISHED, FAILED, KILLED = "FINISHED", "FAILED", "KILLED"
TRIAL = "headwater.trial"
"""Of a run for one of the settings that a step has tried: its number."""
RECIPE = "recipe.yaml"
STEPS = "steps.json"
"""What the parent run of a flow run keeps of each step: what it is called, what became of it, which run made it."""
_PARAMETER = 500
"""Characters of a parameter; what it is cut from lies in an artifact."""
NOTE = 4900
"""Characters of a description; MLflow's stores take 5,000 in a tag."""


@dataclass(frozen=True)
class Tracked:
    """A run as MLflow holds it."""

    run_id: str
    experiment_id: str
    name: str
    status: str
    tags: Mapping[str, str]

    @property
    def step(self) -> str:
        """The step it executed; empty for the parent run of a flow run, and for a run of somebody else's."""
        return self.tags.get("headwater.step", "")


def create(experiment_id: str, name: str, tags: Mapping[str, str]) -> str:
    """A run with these tags, and those of every run: the home folder it is of, who made it, and with which code."""
    own = {"headwater.home": home_id(), **origin.tags(), **tags}
    return client().create_run(experiment_id, run_name=name, tags=own).info.run_id


def open_parent(experiment_id: str, name: str, flow_run_id: str, tags: Mapping[str, str]) -> str:
    """The parent run of a flow run; a retried flow run goes on with the one it had."""
    with reaching():
        known = search(
            experiment_id,
            f"tags.`headwater.flow_run_id` = '{flow_run_id}' and tags.`headwater.parent` = 'true'",
        )
        if known:
            run_id = known[0].info.run_id
            client().update_run(run_id, status="RUNNING")
            if REASON in known[0].data.tags:
                client().delete_tag(run_id, REASON)
            return run_id
        own = {"headwater.flow_run_id": flow_run_id, "headwater.parent": "true", **tags}
        return create(experiment_id, name, own)


def open_child(experiment_id: str, parent_id: str, ref: Ref, tags: Mapping[str, str]) -> str:
    """A child run for a step that is about to be executed, with its configuration as an artifact."""
    with reaching():
        own = {
            **({"mlflow.parentRunId": parent_id} if parent_id else {}),
            "headwater.step": ref.step,
            "headwater.key": ref.key,
            **ref.about.tags(),
            **tags,
        }
        run_id = create(experiment_id, ref.name, own)
        client().log_dict(run_id, as_written(ref.config.model_dump(mode="json")), "config.json")
        settings = leaves(ref.config.identity())
        log_parameters(run_id, {name or "value": str(value) for name, value in settings})
        return run_id


def keep_trial(run_id: str, number: int, settings: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """A run of its own, below that of a step, for one of the settings the step has tried."""
    with reaching():
        step = client().get_run(run_id)
        told = ("name", "upstream", "downstream", "mode", "labels", "seed", "flow_run_id")
        known = {f"headwater.{name}": step.data.tags.get(f"headwater.{name}") for name in told}
        tags = {name: value for name, value in known.items() if value}
        own = {"mlflow.parentRunId": run_id, TRIAL: str(number)}
        made = create(step.info.experiment_id, f"{step.info.run_name}/trial-{number}", tags | own)
        log_parameters(made, {name: str(value) for name, value in settings.items()})
        log(made, metrics)
        close(made, FINISHED)


def close(run_id: str, status: str, reason: str = "") -> None:
    """End a run; `reason` says in one line why it did not finish."""
    with reaching():
        if reason:
            client().set_tag(run_id, REASON, public(reason)[:4000])
        client().set_terminated(run_id, status)


def running_here() -> str:
    """Filter for runs that say they still run under this home folder; of others' a `flock` here knows nothing."""
    return f"tags.`headwater.home` = '{home_id()}' and attributes.status = 'RUNNING'"


def unfinished(key: str) -> list[str]:
    """Runs, under any home folder, that say they still compute this key."""
    said = f"tags.`headwater.key` = '{key}' and attributes.status = 'RUNNING'"
    return [run.info.run_id for run in search_all(said)]


def maker(key: str) -> str:
    """Who computes a key, in words, where a lease says that somebody does."""
    for run_id in unfinished(key):
        tags = get(run_id).tags
        flow_run_id, user = tags.get("headwater.flow_run_id", ""), tags.get(MLFLOW_USER, "")
        above = f"tags.`headwater.parent` = 'true' and tags.`headwater.flow_run_id` = '{flow_run_id}'"
        for flow in search_all(above, 1):
            return f"another run ({flow.info.run_name}{user and f', of {user}'})"
    return "another run"


def beginning_with(start: str) -> list[Tracked]:
    """Runs whose id begins with these hexadecimal digits, at most 20."""
    return [_tracked(run) for run in search_all(f"attributes.run_id LIKE '{start}%'")]


def get(run_id: str) -> Tracked:
    """The run with this id."""
    with reaching():
        return _tracked(client().get_run(run_id))


def finished(tags: Mapping[str, str]) -> Iterator[Tracked]:
    """Every finished run that has these tags, of any experiment, the newest first."""
    return matching(" and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items()))


def matching(condition: str) -> Iterator[Tracked]:
    """Every finished run of any experiment that meets MLflow's filter `condition`, the newest first."""
    return _every(f"{condition} and attributes.status = '{FINISHED}'")


def _every(condition: str) -> Iterator[Tracked]:
    token, more = None, True
    while more:
        runs, token = page_of(condition, token)
        yield from map(_tracked, runs)
        more = token is not None


def _tracked(run: Run) -> Tracked:
    info = run.info
    return Tracked(info.run_id, info.experiment_id, info.run_name or "", info.status, dict(run.data.tags))


def keep_file(run_id: str, path: Path, folder: str = "") -> None:
    """Store a file beside a run, whatever becomes of it."""
    with reaching():
        client().log_artifact(run_id, str(path), folder or None)


def keep_text(run_id: str, text: str, name: str) -> None:
    """Store a text beside a run, whatever becomes of it."""
    with reaching():
        client().log_text(run_id, text, name)


def log_table(run_id: str, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """Store rows of the same fields as a table that MLflow shows; its own call would add to that of a retried run.

    Nothing in it can be taken for markup.
    """
    table = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    keep_text(run_id, json.dumps(table, ensure_ascii=False).replace("<", "\\u003c"), name)
    with reaching():
        client().set_tag(run_id, MLFLOW_LOGGED_ARTIFACTS, json.dumps([{"path": name, "type": "table"}]))


def log_parameters(run_id: str, settings: Mapping[str, str]) -> None:
    """Store settings as parameters; of a long one the beginning."""
    params = [Param(name, as_written(value)[:_PARAMETER]) for name, value in settings.items()]
    with reaching():
        for start in range(0, len(params), 100):  # MLflow takes no more in one call
            client().log_batch(run_id, params=params[start : start + 100])


def end_killed() -> None:
    """Runs under this home folder that say they run while the process of their flow run is gone were killed: say so."""
    for run in list(_every(running_here())):
        if is_free(of_flow(run.tags.get("headwater.flow_run_id", run.run_id))):
            close(run.run_id, KILLED, "its process was killed")


def running_elsewhere() -> dict[str, list[str]]:
    """By the flow run, runs under other home folders that say they run; of a team's all are asked for."""
    if team_leases.current() is None:
        return {}
    found: dict[str, list[str]] = {}
    for run in _every("attributes.status = 'RUNNING' and tags.`headwater.flow_run_id` LIKE '%'"):
        if run.tags.get("headwater.home") != home_id():
            found.setdefault(run.tags["headwater.flow_run_id"], []).append(run.run_id)
    return found


def end_stale(of_key: Iterable[Run]) -> None:
    """For who holds the lease of a key: its runs that say they still compute it were killed: say so."""
    everywhere = team_leases.current() is not None
    for run in of_key:
        if run.info.status == "RUNNING" and (everywhere or run.data.tags.get("headwater.home") == home_id()):
            close(run.info.run_id, KILLED, "the process was killed")


def log(
    run_id: str,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
    step: int = 0,
) -> None:
    """Log values and tags at once."""
    now = int(time.time() * 1000)
    values = [Metric(name, float(value), now, step) for name, value in (metrics or {}).items()]
    labels = [RunTag(name, value) for name, value in (tags or {}).items()]
    with reaching():
        client().log_batch(run_id, metrics=values, tags=labels)


def describe(run_id: str, lines: Sequence[str], name: str) -> None:
    """Markdown that the MLflow page of a run shows as its description, as far as there is room; the whole is `name`."""
    keep_text(run_id, "\n".join(lines), name)
    ends = list(accumulate(len(line) + 1 for line in lines))
    fitting = bisect_right(ends, NOTE)
    more = [] if fitting == len(lines) else ["", f"… and {len(lines) - fitting:,} more lines in {name}."]
    with reaching():
        client().set_tag(run_id, MLFLOW_RUN_NOTE, "\n".join([*lines[:fitting], *more]))


def run_url(experiment_id: str, run_id: str) -> str:
    """Address of a run's page, among MLflow's pages for training: a browser opens those for language apps else."""
    return f"{ui_url()}/#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"
