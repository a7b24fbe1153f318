"""The loader of adapted models, as MLflow calls them."""

from pathlib import Path

from models.adapted.serving import Served
from tasks.pyfunc import Pyfunc


def _load_pyfunc(path: str) -> Pyfunc:
    """MLflow's entry: `path` is the folder of an adapted model."""
    return Pyfunc(Served(Path(path)))
