"""What of the project a step's key may take in: an edit anywhere else leaves its artifacts hits.

Downstreams, ways of transfer, objectives and sources are chosen by a recipe and come on top.
"""

import pytest

from tasks.graph import identity
from tasks.graph.step import step_names

EVERYWHERE = {
    "models",
    "models.config",
    "models.errors",
    "models.files",
    "models.home",
    "models.hub",
    "models.kinds",
    "models.late",
    "models.memo",
    "models.outside",
    "models.seeds",
}
TOKENS = {"models.weights", "models.tokens", "models.pretrained", "models.paths"}
ROWS = {"models.data"}
SOURCES = ROWS | {"tasks.reading", "models.paths"}
DOWNSTREAM = {"models.interfaces", "models.adapted"}
WAY = DOWNSTREAM | {"models.workplace"}

MAY_TAKE_IN: dict[str, set[str]] = {
    "ingest": SOURCES,
    "validate": ROWS,
    "rows_to_find": SOURCES,
    "remove_leaks": ROWS,
    "hold_out": ROWS,
    "split": ROWS,
    "leaks": ROWS,
    "tokenizer": TOKENS | ROWS,
    "encode": TOKENS,
    "fetch": TOKENS,
    "pretrain": TOKENS
    | ROWS
    | {"models.backbone", "models.interfaces", "models.pretraining", "models.training", "models.workplace"},
    "adapt": WAY
    | ROWS
    | {
        "models.backbone",
        "models.inference",
        "models.modes",
        "models.paths",
        "models.pretrained",
        "models.training",
        "models.weights",
        "tasks.packaging",
        "tasks.pyfunc",
        "tasks.serving",
    },
    "predict": WAY,
    "score": DOWNSTREAM | {"models.bootstrap"},
    "register": WAY
    | TOKENS
    | ROWS
    | {
        "models.answering",
        "models.backbone",
        "models.bootstrap",
        "models.inference",
        "models.prompting",
        "models.reporting",
        "models.training",
        "tasks.model_card",
        "tasks.packaging",
        "tasks.pretrained_card",
        "tasks.pyfunc",
        "tasks.serving",
        "tasks.speaking",
    },
    "promote": WAY | ROWS | {"models.bootstrap", "models.reporting", "tasks.model_card"},
    "report": WAY
    | ROWS
    | {"models.bootstrap", "models.modes", "models.reporting", "tasks.costs", "tasks.score"},
}
"""By step, the folders below `models/` and `tasks/`, and the modules that lie in no folder."""


def rooms(step: str) -> set[str]:
    """The folders, and the modules in none, that the key of a step takes in."""
    names = (name.replace("/", ".") for name in identity.code_of([f"tasks.{step}"]))
    return {".".join(name.split(".")[:2]) for name in names}


@pytest.mark.parametrize("step", step_names())
def test_a_key_takes_in_what_its_step_is_made_of_and_nothing_else(step: str) -> None:
    found = rooms(step)
    assert f"tasks.{step}" in found
    assert found - EVERYWHERE - {f"tasks.{step}"} <= MAY_TAKE_IN[step]


def test_pretraining_and_what_comes_before_know_no_downstream() -> None:
    for step in ("ingest", "validate", "hold_out", "tokenizer", "encode", "pretrain"):
        code = identity.code_of([f"tasks.{step}"])
        assert not [name for name in code if "downstream" in name], step


def test_what_is_served_counts_in_the_key_of_what_it_writes_into() -> None:
    assert "tasks.serving" in identity.code_of(["tasks.adapt"])
    assert not [name for name in identity.code_of(["tasks.adapt"]) if name.startswith("tasks.storage")]
