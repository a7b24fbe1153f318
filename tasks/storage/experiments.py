"""The page of an experiment: it opens on its runs, and says what the recipe is."""

from collections.abc import Mapping
from hashlib import sha256

from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from tasks.storage.connection import client, reaching
from tasks.storage.runs import NOTE

KIND, OURS = "mlflow.experimentKind", "custom_model_development"
"""Without it MLflow opens an experiment on its pages for language applications, and files runs as evaluations."""
_GUESSED = (None, "", "no_inferred_type", "genai_development_inferred", "custom_model_development_inferred")
"""Kinds that nobody has chosen: what MLflow's page makes of runs it does not know."""
_WRITTEN = "headwater.description"
"""The digest of the description that was written last: one that somebody has edited since stays."""


def present(experiment_id: str, about: str, tags: Mapping[str, str]) -> None:
    """Fill in what an experiment's page shows, also of one that has been there for long.

    Args:
        about: the description, in Markdown.
        tags: shown beside it.
    """
    with reaching():
        there = dict(client().get_experiment(experiment_id).tags)
        wanted = dict(tags)
        if there.get(KIND) in _GUESSED:
            wanted[KIND] = OURS
        note = there.get(MLFLOW_RUN_NOTE)
        if about and (not note or _digest(note) == there.get(_WRITTEN)):
            wanted |= {MLFLOW_RUN_NOTE: about[:NOTE], _WRITTEN: _digest(about[:NOTE])}
        for name, value in wanted.items():
            if there.get(name) != value:
                client().set_experiment_tag(experiment_id, name, value)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
