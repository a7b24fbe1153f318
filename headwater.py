"""What there is for Python, and the flows, under a name that no folder of yours has.

`headwater.run` runs a recipe, `headwater.load_model` loads a model that one has made (docs/python.md). The flows are
the entry points of deployments in a project of your own.

`entrypoint: headwater.transfer_learning` in a prefect.yaml finds Headwater's flows also where the project's folder,
which Prefect looks into first, has a `flows/` or `tasks/` of its own.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_MODULES = {
    "Recipe": "flows.recipe.recipe",
    "run": "flows.api",
    "load_model": "flows.api",
    "transfer_learning": "flows.transfer",
    "corpus": "flows.corpus",
    "pretraining": "flows.pretraining",
    "downstream": "flows.downstream",
}

sys.path.insert(0, str(Path(__file__).resolve().parent))
try:
    for _package in ("flows", "tasks", "models"):  # that of flows sees to it that children find them as well
        import_module(_package)
finally:
    del sys.path[0]


def __getattr__(name: str) -> Any:
    """What is imported when it is asked for: Prefect takes a while."""
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_MODULES[name]), name)
