"""The runs between that of a flow and those of its steps: one for each entry that something is made for."""

import functools
import threading
from collections.abc import Callable

from tasks.graph.refs import Ref
from tasks.storage import runs
from tasks.storage.connection import client, reaching, search
from tasks.storage.lease import lease

ENTRY = "headwater.entry"
"""Tag of such a run: what its steps are for."""


class EntryRuns:
    """The runs that the steps of one flow run hang below, each made when its first step runs."""

    def __init__(self, experiment_id: str, parent_id: str, flow_run_id: str) -> None:
        self._experiment_id, self._parent_id, self._flow_run_id = experiment_id, parent_id, flow_run_id
        self._made: dict[str, str] = {}
        self._lock = threading.Lock()

    def of(self, ref: Ref) -> str:
        """Id of the run that the one of `ref` hangs below; a flow run that is retried goes on with those it had."""
        name = ref.about.entry
        with self._lock, reaching():
            if name not in self._made:
                with lease(
                    f"entry-{self._parent_id}-{name}", shared=True
                ):  # other processes may make the same
                    self._made[name] = self._again(name) or self._new(name, ref)
            return self._made[name]

    def close(self, status: Callable[[str], str]) -> None:
        """End them, each with the status of its entry, whoever has made them."""
        with reaching():
            below = f"tags.`mlflow.parentRunId` = '{self._parent_id}' and attributes.status = 'RUNNING'"
            for run in search(self._experiment_id, below):
                if (name := run.data.tags.get(ENTRY)) is not None:
                    runs.close(run.info.run_id, status(name))

    def _again(self, name: str) -> str | None:
        below = f"tags.`mlflow.parentRunId` = '{self._parent_id}' and tags.`{ENTRY}` = '{name}'"
        found = search(self._experiment_id, below)
        if not found:
            return None
        client().update_run(found[0].info.run_id, status="RUNNING")
        return found[0].info.run_id

    def _new(self, name: str, ref: Ref) -> str:
        about = ref.about.tags()
        tags = {
            "mlflow.parentRunId": self._parent_id,
            ENTRY: name,
            "headwater.flow_run_id": self._flow_run_id,
            **{tag: about[tag] for tag in ("headwater.upstream", "headwater.downstream") if tag in about},
        }
        return runs.create(self._experiment_id, name, tags)


@functools.cache
def entry_runs(experiment_id: str, parent_id: str, flow_run_id: str) -> EntryRuns:
    """Those of a flow run, as this process knows them."""
    return EntryRuns(experiment_id, parent_id, flow_run_id)
