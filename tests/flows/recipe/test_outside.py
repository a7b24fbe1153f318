"""What a recipe names from outside the tree, as it is read."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.recipe import Recipe
from models import modes, outside
from models.errors import RecipeError
from tests.flows.test_plugins import build

WAY = """
from models.tuning.trained import Trained


class Biases(Trained):
    '''Biases alone learn.'''

    modes = ("biases",)
    order = 15
    learning_rates: tuple[float, ...] = (1e-2,)
    train_embeddings: tuple[bool, ...] = (False,)

    def equip(self, model, setting, start):
        for name, weight in model.named_parameters():
            weight.requires_grad = name.endswith("bias")
        return model
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Path]:
    """The folder of docs/your-own-task.md, and nothing left of it afterwards."""
    path, looked_in = list(sys.path), list(outside._looked_in)
    for name in [name for name in sys.modules if name.split(".")[0] == "tickets"]:
        del sys.modules[name]
    yield build(tmp_path)
    sys.path[:], outside._looked_in[:] = path, looked_in
    modes._brought.clear()
    outside.forget()
    for name in [name for name in sys.modules if name.split(".")[0] == "tickets"]:
        del sys.modules[name]


def test_a_way_of_ones_own_runs_in_its_modes_with_equal_care(recipe: Path) -> None:
    (recipe.parent / "tickets" / "biases.py").write_text(WAY, encoding="utf-8")
    own = {"downstreams.urgent.ways": ["tickets.biases"], "downstreams.urgent.modes": ["biases", "finetune"]}
    loaded = Recipe.load(recipe, own)
    (entry,) = loaded.downstreams
    way = entry.way("biases")
    assert way is not None and way.kind == "tickets.biases" and "biases" in loaded.fitting(entry)
    assert (way.epochs, way.min_steps) == (2, 20)  # pyright: ignore[reportAttributeAccessIssue]
    assert [cell.mode for cell in entry.cells(entry.modes, ("all",), (1,))] == ["biases", "finetune"]
    with pytest.raises(RecipeError, match=r"mode biases: name its way in 'ways', as tickets\.biases"):
        Recipe.load(recipe, {"downstreams.urgent.modes": ["biases"]})


def test_an_installed_package_gives_short_names_by_entry_points(recipe: Path) -> None:
    folder = recipe.parent / "tickets-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: tickets\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[headwater.downstreams]\nhurry = tickets.urgent\n[headwater.sources]\ninbox = tickets.inbox:Inbox\n"
    )
    outside.look_in(recipe.parent)
    outside.forget()
    short = {"downstreams.0.downstream.kind": "hurry", "downstreams.0.data.0.kind": "inbox"}
    (entry,) = Recipe.load(recipe, {**short, "downstreams.0.name": "urgent"}).downstreams
    assert (entry.downstream.kind, entry.data[0].kind) == ("tickets.urgent", "tickets.inbox.Inbox")
    with pytest.raises(RecipeError, match="unknown kind 'hury': did you mean 'hurry'"):
        Recipe.load(recipe, {"downstreams.0.downstream.kind": "hury"})


def test_nothing_in_a_recipes_folder_takes_the_place_of_ours(recipe: Path) -> None:
    for name in ("models", "tasks", "json"):
        (recipe.parent / name).mkdir()
        (recipe.parent / name / "__init__.py").write_text("raise SystemExit('not this one')")
    assert Recipe.load(recipe).downstreams[0].name == "urgent"
    assert Path(str(outside.__file__)).is_relative_to(Path(__file__).parents[3])
    assert sys.path.index(str(recipe.parent)) > len(sys.path) - 4
