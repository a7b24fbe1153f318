"""A team's servers, real ones on loopback, and machines that use them: each a home of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import recipes
from tests.support import team as servers
from tests.support.machines import Machine
from tests.support.team import Team


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    if missing := servers.missing():
        pytest.skip(f"not installed: {missing}")
    with servers.team(tmp_path_factory.mktemp("team")) as found:
        yield found


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    entry = recipes.SMALL["downstreams"][0] | {"modes": ["finetune"]}
    return recipes.write(tmp_path_factory.mktemp("recipe"), recipes.SMALL | {"downstreams": [entry]})


@pytest.fixture(scope="session")
def first(team: Team, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a first machine has made of the recipe; it is gone then."""
    return Machine(team, tmp_path_factory.mktemp("first")).runs(recipe)


@pytest.fixture
def machine(team: Team, tmp_path: Path) -> Machine:
    """One that has nothing yet."""
    return Machine(team, tmp_path / "machine")
