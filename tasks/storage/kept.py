"""Artifacts that were kept: an older one counts for a new key, because somebody said so and why.

The decision is a run of its own, with the new key and the id of the run whose artifact counts; that one stays as it is.
What is made from it says so, and counts no more once the decision is taken back.
"""

import json
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow.entities import Metric

from tasks.graph.refs import Ref
from tasks.storage import manifest, provenance, runs
from tasks.storage.connection import client, reaching, search_all, tracking_uri
from tasks.storage.runs import FROM_KEPT, KEPT, KEPT_REASON, Tracked

_KEY, _UNDONE = "headwater.key", "undone "
_FRESH_SECONDS = 5.0
_asked: "dict[str, tuple[float, list[Kept]]]" = {}
"""By store, when decisions were asked for last, and which stood: each step that ends wants to know."""


@dataclass(frozen=True)
class Kept:
    """A decision: the run that records it, the step and key it is for, the run whose artifact counts, and why."""

    record: Tracked

    @property
    def key(self) -> str:
        """The key that the older artifact counts for."""
        return self.record.tags[_KEY]

    @property
    def run_id(self) -> str:
        """The run that made it."""
        return self.record.tags[KEPT]

    @property
    def reason(self) -> str:
        """Why."""
        return self.record.tags[KEPT_REASON]


def decisions(keys: Collection[str] | None = None) -> list[Kept]:
    """Every decision that stands, or those for some keys."""
    # MLflow finds no tag by its being there; all that have one differ from what none is.
    found = (Kept(run) for run in runs.matching(f"tags.`{KEPT}` != ''"))
    return [item for item in found if keys is None or item.key in keys]


def _standing() -> list[Kept]:
    """Every decision that stands, or stood some seconds ago."""
    since, found = _asked.get(tracking_uri(), (float("-inf"), []))
    if time.monotonic() > since + _FRESH_SECONDS:
        found = decisions()
        _asked[tracking_uri()] = time.monotonic(), found
    return found


def keep(experiment_id: str, ref: Ref, old: Tracked, files: Any, reason: str, changed: Sequence[str]) -> str:
    """Let the artifact of run `old` count for the key of `ref` from now on; gives the id of the run that says so.

    Args:
        files: what the manifest of the old artifact lists.
        changed: in words, what is not as it was when that was made.
    """
    tags = {KEPT: old.run_id, KEPT_REASON: reason}
    run_id = runs.open_child(experiment_id, "", ref, tags)
    link = f"[{old.run_id[:12]}]({runs.run_url(old.experiment_id, old.run_id)})"
    said = [
        f"Kept: the artifact of run {link} counts for this key, because: {reason}",
        "",
        "Not as it was:",
        "",
    ]
    runs.describe(run_id, [*said, *(f"- {line}" for line in changed)], "kept.md")
    decision = {"run_id": old.run_id, "key": old.tags[_KEY], "reason": reason, "changed": list(changed)}
    listed = manifest.without_files(ref) | {"kept": decision, "files": files}
    provenance.keep(run_id)
    with reaching():
        measured = [
            Metric(name, value, 0, 0) for name, value in client().get_run(old.run_id).data.metrics.items()
        ]
        client().log_batch(run_id, metrics=measured)
        client().log_text(run_id, json.dumps(ref.made_of), manifest.MADE_OF)
        client().log_text(run_id, json.dumps(listed, indent=1), manifest.NAME)
    runs.close(run_id, runs.FINISHED)
    _asked.clear()
    return run_id


def undo(decision: Kept) -> int:
    """Take a decision back; gives how many artifacts were made from what was kept, and count no longer."""
    made = list(runs.matching(f"tags.`{FROM_KEPT}` LIKE '%{decision.record.run_id}%'"))
    for run in made:
        if counts(run):
            runs.log(run.run_id, tags={_KEY: _UNDONE + run.tags[_KEY]})
    with reaching():
        client().delete_run(decision.record.run_id)
    _asked.clear()
    return len(made)


def counts(run: Tracked) -> bool:
    """Whether what a run made counts; not so where it was made from what is no longer kept."""
    return not run.tags[_KEY].startswith(_UNDONE)


def mark(run_id: str, ref: Ref) -> None:
    """Say of a run by which decisions what it is made from was kept, if any of it was."""
    standing = _standing()
    if not standing:
        return
    behind = {item.record.run_id for item in standing if item.key in {parent.key for parent in ref.parents()}}
    for parent in ref.parents():
        for run in search_all(f"tags.`{_KEY}` = '{parent.key}' and attributes.status = '{runs.FINISHED}'"):
            behind |= set(run.data.tags.get(FROM_KEPT, "").split())
    behind &= {item.record.run_id for item in standing}
    if behind:
        runs.log(run_id, tags={FROM_KEPT: " ".join(sorted(behind))})


def of(ref: Ref, standing: Iterable[Kept]) -> list[Kept]:
    """Decisions for a step as it is now; where there is none, those for the step as it was."""
    about, names = ref.about.tags(), ("headwater.name", "headwater.mode")
    alike = [
        item
        for item in standing
        if item.record.step == ref.step
        and all(item.record.tags.get(name) == about.get(name) for name in names)
    ]
    return [item for item in alike if item.key == ref.key] or alike
