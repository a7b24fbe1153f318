"""Two entries of two recipes that come to the same registered model: found before anything runs."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from flows.downstream import downstream
from flows.transfer import transfer_learning
from models.errors import RecipeError
from tasks.storage.registry import RegisteredModel
from tests.support.recipes import SMALL, write

OWNER = RegisteredModel("meet-me", "here")


@pytest.fixture
def recipe(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`meet` with an entry `me-here`, while `meet-me` has registered an entry `here`."""
    monkeypatch.setenv("HEADWATER_HOME", str(home))
    OWNER.claim()
    values = deepcopy(SMALL) | {"name": "meet"}
    values["downstreams"][0]["name"] = "me-here"
    return write(tmp_path, values)


def said(text: str) -> bool:
    words = ("'meet-me-here'", "'meet-me'", "'here'", "'meet'", "'me-here'", "rename the recipe or the entry")
    return all(word in text for word in words)


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_command_says_so_in_one_line(
    headwater: Callable, headwater_here: Callable, recipe: Path, command: str
) -> None:
    ended = (headwater if command == "run" else headwater_here)(command, recipe)
    assert (ended.code, ended.err.count("headwater: ")) == (2, 1), ended.err
    assert said(ended.err)


def test_what_registers_nothing_may_run(headwater_here: Callable, recipe: Path) -> None:
    assert headwater_here("plan", recipe, "--no-probe", "--only", "pretrain").code == 0
    assert headwater_here("plan", recipe, "--no-probe", "--set", "name=meets").code == 0


def test_deployed_flows_end_before_their_first_step(recipe: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        transfer_learning.fn(recipe)
    assert said(str(caught.value))
    with pytest.raises(RecipeError) as caught:
        downstream.fn(recipe)
    assert said(str(caught.value))
