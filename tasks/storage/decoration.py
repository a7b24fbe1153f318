"""What makes MLflow's pages useful beside what is stored: it must never fail a step.

Whoever calls `opened` and `finished` need not know what pages show, nor what may go wrong there.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.graph.refs import Ref
from tasks.storage import datasets, experiments, logged_models, views

_told: set[str] = set()
"""What has been warned of: a server that is slow would fill the log of a long run."""


@contextmanager
def decorating(what: str) -> Iterator[None]:
    """For what only adorns MLflow's pages: whatever goes wrong is told once, and the step goes on."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 whatever it is, the artifact is what counts
        if what not in _told:
            _told.add(what)
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            logging.getLogger("headwater").warning("MLflow's pages lack %s (%s)", what, reason)


def experiment(experiment_id: str, recipe: str, about: str) -> None:
    """A recipe has an experiment, and is about to run."""
    with decorating("what the recipe is"):
        experiments.present(experiment_id, about, {"headwater.recipe": recipe})


def opened(run_id: str, ref: Ref) -> None:
    """A step has a run and is about to begin."""
    with decorating("the datasets that a step reads"):
        datasets.log_inputs(run_id, ref)


def registered(ref: Ref, name: str, version: str) -> None:
    """A model has become a version of a registered model."""
    with decorating("models"):
        logged_models.link(ref, name, version)


def finished(run_id: str, ref: Ref, out: Path) -> None:
    """A step's artifact is stored; `out` still holds its files."""
    with decorating("models"):
        logged_models.log(run_id, ref)
    with decorating("tables and figures"):
        views.keep(run_id, ref, out)
