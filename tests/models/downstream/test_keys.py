"""What a downstream's key takes in: itself and what it builds on, so that an edit elsewhere remakes nothing."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.kinds import kinds
from tasks.graph import identity

DOWNSTREAMS = kinds("models.downstream")
EVERY = (
    "config",
    "data.checks",
    "data.comparison",
    "data.records",
    "errors",
    "interfaces.asked",
    "interfaces.downstream",
    "interfaces.features",
    "interfaces.metric",
    "interfaces.scored",
    "interfaces.labels",
    "kinds",
    "late",
    "memo",
    "outside",
    "modes",
)
"""What the interface of downstreams stands on."""
ASKING = (
    "backbone.positions",
    "backbone.sampled_loss",
    "backbone.vocabulary_scores",
    "prompting",
    "tokens.special",
)
"""What it takes to ask a model that has not learnt."""
MAY_TAKE_IN = {
    "classification": (*ASKING, "backbone.embedding", "inference", "targets", "tokens.windows"),
    "generation": (*ASKING, "inference.encoding", "inference.inputs"),
    "ner": ("characters", "inference", "prompting.prototypes"),
    "pair": (*ASKING, "backbone.embedding", "backbone.export", "inference", "targets", "tokens.windows"),
    "qa": (*ASKING, "tokens.windows"),
    "retrieval": (*ASKING, "backbone.embedding", "backbone.export", "inference"),
    "spacing": ("characters",),
}
"""Folders and modules below models/, beside its own. A new downstream gets a line here."""


@pytest.mark.parametrize("kind", DOWNSTREAMS)
def test_a_downstreams_key_takes_in_no_more_than_it_may(kind: str) -> None:
    assert kind in MAY_TAKE_IN, f"say in MAY_TAKE_IN which folders the key of {kind} may take in"
    allowed = [f"models.{name}" for name in (*EVERY, *MAY_TAKE_IN[kind], f"downstream.{kind}")]
    taken = [
        module for module in identity.code_of([f"models.downstream.{kind}"]) if not _is_bare_package(module)
    ]
    assert taken, "code is part of a key"
    for module in taken:
        assert any(f"{module}.".startswith(f"{name}.") for name in allowed), f"{kind} takes in {module}"


def _is_bare_package(module: str) -> bool:
    """Whether it is the `__init__.py` of a folder, and holds nothing but a docstring; that of all also says how threads
    wait."""
    if module == "models":
        return True
    folder = identity.ROOT.joinpath(*module.split("."))
    lines = (folder / "__init__.py").read_text(encoding="utf-8").splitlines() if folder.is_dir() else []
    return len(lines) == 1


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Changes all code of a downstream in a copy of the project that keys are then made of."""
    shutil.copytree(
        identity.ROOT / "models", tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__")
    )
    monkeypatch.setattr(identity, "ROOT", tmp_path)
    identity.forget()

    def change(kind: str) -> None:
        place = tmp_path / "models" / "downstream" / kind
        for path in place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]:
            path.write_text(path.read_text(encoding="utf-8") + "\nEDITED = True\n", encoding="utf-8")
        identity.forget()

    yield change
    identity.forget()


@pytest.mark.parametrize("kind", DOWNSTREAMS)
def test_an_edit_in_one_downstream_changes_the_code_of_no_other(
    kind: str, edit: Callable[[str], None]
) -> None:
    before = {name: identity.code_of([f"models.downstream.{name}"]) for name in DOWNSTREAMS}
    edit(kind)
    after = {name: identity.code_of([f"models.downstream.{name}"]) for name in DOWNSTREAMS}
    assert [name for name in DOWNSTREAMS if after[name] != before[name]] == [kind]
