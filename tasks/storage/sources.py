"""Where the files lay that a run has read: kept beside its artifact, whose bytes do not depend on paths."""

import json
import os
from collections.abc import Mapping, Sequence

from tasks.environment import as_written
from tasks.storage import artifacts, runs

_FILE = "sources.json"


def keep(run_id: str, files: Sequence[Mapping[str, str]]) -> None:
    """Keep name, path and digest of each file; of a path the variables that the recipe named."""
    runs.keep_text(run_id, json.dumps(as_written(list(files)), indent=1) + "\n", _FILE)


def of(run_id: str) -> list[dict[str, str]] | None:
    """The same, with paths as they are here; None where the run keeps none."""
    read = artifacts.read_json(run_id, _FILE)
    return read and [item | {"path": os.path.expandvars(item["path"])} for item in read]
