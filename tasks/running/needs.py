"""What an engine takes on this machine, looked for before anything else is imported or started."""

import os
from importlib.util import find_spec

from models.errors import RecipeError
from tasks.environment import LOCAL

_SERVERS = {"MLFLOW_TRACKING_URI": "http://HOST:5000", "PREFECT_API_URL": "http://HOST:4200/api"}


def check(engine: str) -> None:
    """
    Raises:
        RecipeError: a package is missing, or the address of a server that nodes could reach.
    """
    if engine == LOCAL:
        return
    missing = [name for name in ("ray", "prefect_ray") if find_spec(name) is None]
    if missing:
        packages = " and ".join(name.replace("_", "-") for name in missing)
        raise RecipeError(f"engine: {engine} needs {packages}: pip install 'headwater[ray]'")
    for name, example in _SERVERS.items():
        value = os.environ.get(name, "")
        if not value or value.startswith("sqlite"):
            raise RecipeError(
                f"engine: steps on {engine} need servers that every node reaches: set {name} to the address of one, "
                f"such as {example}; `make team` starts both (on this machine alone, `headwater up`)"
            )
