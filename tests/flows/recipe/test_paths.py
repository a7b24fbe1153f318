"""Paths of a recipe: from its own folder, else from the working directory; and the recipes that come with Headwater."""

from pathlib import Path
from typing import Any

import pytest

from flows.graph.corpus import corpus_ref
from flows.recipe.recipe import Recipe
from models.errors import RecipeError
from tests.support.recipes import SMALL, write, write_labelled


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; the recipe's folder, with brackets as patterns have them, lies beside it."""
    for name in ("here", "my [1] project"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def folder(here: Path) -> Path:
    return here.parent / "my [1] project"


def texts(folder: Path, word: str, name: str = "texts/a b.txt") -> Path:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(f"a text that says {word}\n", encoding="utf-8")
    return folder / name


def corpus_of(recipe: Recipe) -> list[str]:
    assert recipe.corpus is not None
    return [
        row.fields["text"]
        for source in recipe.corpus.sources
        for row in source.read()
        if hasattr(row, "fields")
    ]


def reading(*paths: str) -> dict[str, Any]:
    return SMALL | {"corpus": {"sources": [{"kind": "files", "paths": list(paths)}]}}


@pytest.mark.parametrize("path", ["texts/a b.txt", "texts/*.txt", "./texts/../texts/a b.txt"])
def test_the_recipes_folder_comes_before_the_working_directory(here: Path, folder: Path, path: str) -> None:
    recipe = write(folder, reading(path))
    texts(here, "here")
    assert corpus_of(Recipe.load(recipe)) == ["a text that says here"]
    texts(folder, "there")
    loaded = Recipe.load(recipe)
    assert corpus_of(loaded) == ["a text that says there"]
    assert str(folder) in loaded.found[0] and str(here) in loaded.found[0], "both could have been meant"
    same = write(here, reading(str(folder / "texts" / "a b.txt")))
    keys = [corpus_ref(item) for item in (loaded, Recipe.load(same))]
    assert keys[0] is not None and keys[1] is not None and keys[0].key == keys[1].key, (
        "a path is no part of a key"
    )


def test_where_the_recipe_lies_in_the_working_directory_nothing_is_said(here: Path) -> None:
    texts(here, "here")
    write(here, reading("texts/*.txt"))
    assert Recipe.load(Path("recipe.yaml")).found == ()


def test_every_kind_of_path_is_seen_from_the_recipes_folder(here: Path, folder: Path) -> None:
    write_labelled(folder / "labels")
    texts(folder, "there", "more.txt")
    (folder / "model").mkdir()
    nsmc = {"kind": "nsmc"} | {part: f"labels/{part}.txt" for part in ("train", "validation", "test")}
    files = {
        "kind": "files",
        "parts": {"train": "labels/train.txt", "test": ["labels/*n.txt"]},
        "format": "tsv",
    }
    entry = SMALL["downstreams"][0] | {"data": [nsmc, files]}
    upstream = SMALL["upstreams"][0] | {"tokenizer": {"pretrained": "model"}}
    recipe = Recipe.load(
        write(folder, SMALL | {"upstreams": [upstream], "downstreams": [entry]}),
        {"corpus.sources": [{"kind": "files", "paths": ["more.txt"]}]},
    )
    assert recipe.corpus is not None
    for source in (*recipe.downstreams[0].data, *recipe.corpus.sources):
        source.check()
    assert recipe.upstreams[0].tokenizer.pretrained == str(folder / "model")


def test_a_path_that_leads_nowhere_is_told_with_the_whole_paths_that_were_tried(
    here: Path, folder: Path
) -> None:
    recipe = Recipe.load(write(folder, reading("none.txt")))
    with pytest.raises(RecipeError) as told:
        recipe.check()
    assert str(folder / "none.txt") in str(told.value) and str(here / "none.txt") in str(told.value)
    with pytest.raises(RecipeError, match="no such folder: ") as told:
        Recipe.load(write(folder, SMALL | {"upstreams": [{"pretrained": "./models/none"}]}))
    assert str(folder / "models" / "none") in str(told.value)


@pytest.mark.parametrize("name", ["demo", "demo.yaml", "recipes/demo.yaml"])
def test_recipes_that_come_with_headwater_are_found_by_name(here: Path, name: str) -> None:
    recipe = Recipe.load(Path(name))
    assert (recipe.name, "comes with Headwater" in recipe.found[0]) == ("demo", True)
    own = here / name
    own.parent.mkdir(exist_ok=True)
    write(own.parent, SMALL).rename(own)
    assert Recipe.load(Path(name)).name == "small", "one of one's own comes first"
