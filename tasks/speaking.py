"""The loader of pretrained models that answer by themselves, as MLflow calls them."""

from pathlib import Path

from models.answering.pretrained import load
from tasks.pyfunc import Pyfunc


def _load_pyfunc(path: str) -> Pyfunc:
    """MLflow's entry: `path` is the folder of a pretrained model."""
    return Pyfunc(load(Path(path)))
