"""A recipe's text: where values stand, overrides and environment variables."""

from pathlib import Path
from typing import Any

import pytest

from flows.recipe import documents
from models.errors import RecipeError

TEXT = """\
name: toy
seed: 1
corpus:
  sources:
    - kind: files
      paths: [a.txt]
upstreams:
  - objective: mlm
  - name: second
    objective: {kind: mlm}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_a_value_is_found_with_its_file_line_and_path(recipe: Path) -> None:
    document = documents.load(recipe, {})
    assert document.where(("corpus", "sources", 0, "paths")) == f"{recipe}, line 6: corpus.sources.0.paths"
    assert document.where(("upstreams", 1, "train")) == f"{recipe}, line 9: upstreams.1.train"


@pytest.mark.parametrize(
    ("dotted", "place"),
    [
        ("seed", ("seed",)),
        ("corpus.sources.0.quoting", ("corpus", "sources", 0, "quoting")),
        ("corpus.sources.files.quoting", ("corpus", "sources", 0, "quoting")),
        ("upstreams.mlm.model.size", ("upstreams", 0, "model", "size")),
        ("upstreams.second.model.size", ("upstreams", 1, "model", "size")),
        ("upstreams.mlm.objective.mask_rate", ("upstreams", 0, "objective", "mask_rate")),
        ("report.title", ("report", "title")),
    ],
)
def test_an_override_finds_its_place_by_index_or_name(
    recipe: Path, dotted: str, place: tuple[str | int, ...]
) -> None:
    document = documents.load(recipe, {dotted: 7})
    value: Any = document.value
    for part in place:
        value = value[part]
    assert value == 7
    assert document.where(place) == f"--set {dotted}"


def test_a_short_form_keeps_its_kind_when_a_setting_is_added(recipe: Path) -> None:
    document = documents.load(recipe, {"upstreams.mlm.objective.mask_rate": 0.3})
    assert document.value["upstreams"][0]["objective"] == {"kind": "mlm", "mask_rate": 0.3}


@pytest.mark.parametrize(
    ("dotted", "message"),
    [
        ("upstreams.secnd.seed", "no entry 'secnd' in the list: did you mean 'second'?"),
        ("corpus.sources.3.kind", "no entry '3' in the list"),
        ("seed.first", "'first' leads nowhere"),
    ],
)
def test_an_override_that_leads_nowhere_is_refused(recipe: Path, dotted: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message.replace("?", "[?]")):
        documents.load(recipe, {dotted: 1})


def test_variables_are_filled_in_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text("name: toy\npath: ${TOY_FOLDER}/a.txt\n", encoding="utf-8")
    monkeypatch.setenv("TOY_FOLDER", "/somewhere")
    assert documents.load(path, {}).value["path"] == "/somewhere/a.txt"
    monkeypatch.delenv("TOY_FOLDER")
    with pytest.raises(RecipeError, match="line 2: path: the environment variable TOY_FOLDER is not set"):
        documents.load(path, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("- a\n", "a list"),
        ("name: [1", "line 1: not YAML"),
        ("name: x\nseed: 1\nname: y\n", "line 3: 'name' stands twice, first on line 1"),
    ],
)
def test_what_is_no_recipe_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        documents.load(path, {})


def test_a_recipe_that_is_not_there_brings_the_nearest_to_mind(recipe: Path) -> None:
    with pytest.raises(RecipeError, match=r"no such recipe: did you mean '.*toy.yaml'"):
        documents.load(recipe.with_name("tpy.yaml"), {})


def test_an_override_of_one_place_leaves_its_yaml_alias_alone(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("a: &how {rate: 1}\nb: *how\n", encoding="utf-8")
    assert documents.load(path, {"a.rate": 2}).value == {"a": {"rate": 2}, "b": {"rate": 1}}
