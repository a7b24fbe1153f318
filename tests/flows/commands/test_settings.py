"""What `headwater settings`, its page and the schema for editors say of a recipe."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.cells import cell_len

from flows.commands import settings
from flows.recipe import schema, yaml_text
from flows.recipe.sections import sections
from models.kinds import kinds

PROJECT = Path(__file__).parents[3]
RECIPES = sorted((PROJECT / "recipes").glob("*.yaml"))
FIRST_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


def written(path: Path) -> Any:
    """A recipe's values as they stand in the file."""
    return yaml_text.parse(path.read_text(encoding="utf-8"))[0]


@pytest.fixture(scope="module")
def editor() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema.FILE.read_text(encoding="utf-8")))


def test_page_and_schema_are_what_the_code_makes() -> None:
    again = "run `make docs`: what a recipe may say has changed"
    assert settings.PAGE.read_text(encoding="utf-8") == settings.page(), again
    assert schema.FILE.read_text(encoding="utf-8") == schema.for_editors(), again


def test_every_setting_says_what_it_means() -> None:
    unsaid = [
        f"{part.title}.{field.name}" for part in sections() for field in part.settings if not field.about
    ]
    assert not unsaid, f"give these fields a description: {unsaid}"


def test_every_kind_there_is_has_its_fields_in_it() -> None:
    listed = {path for section in sections() for path in (section.path, *section.also)}
    for place, package in (
        ("downstreams.downstream", "models.downstream"),
        ("downstreams.data", "tasks.sources"),
        ("corpus.sources", "tasks.sources"),
        ("upstreams.objective", "models.upstream"),
        ("downstreams", "models.transfer"),
    ):
        assert {f"{place}.{kind}" for kind in kinds(package)} <= listed


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_editors_find_nothing_wrong_with_our_recipes(
    path: Path, editor: jsonschema.Draft202012Validator
) -> None:
    first = FIRST_LINE.match(path.read_text(encoding="utf-8"))
    assert first and (path.parent / first[1]).resolve() == schema.FILE
    assert [error.message for error in editor.iter_errors(written(path))] == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("sead",), 1),
        (("seed",), "one"),
        (("upstreams", 0, "train", "tokens"), 0),
        (("upstreams", 0, "objective"), "mlmm"),
        (("upstreams", 0, "objective"), {"mask_rate": 0.2}),
        (("upstreams", 0, "objective", "mask_rat"), 0.2),
        (("downstreams", 0, "downstream", "pooling"), "max"),
        (("downstreams", 0, "downstream", "max_question"), 8),
        (("downstreams", 0, "modes"), ["finetun"]),
        (("downstreams", 0, "lora"), {"rang": 8}),
        (("downstreams", 0, "data", 0, "kind"), "file"),
        (("promote",), "sometimes"),
    ],
    ids=str,
)
def test_editors_refuse_what_a_run_would(
    place: tuple[Any, ...], value: Any, editor: jsonschema.Draft202012Validator
) -> None:
    recipe = here = written(PROJECT / "recipes" / "demo.yaml")
    for part in place[:-1]:
        here = here[part]
    here[place[-1]] = value
    assert list(editor.iter_errors(recipe))


def test_editors_take_short_forms_variables_and_parts_of_ones_own(
    editor: jsonschema.Draft202012Validator,
) -> None:
    recipe = written(PROJECT / "recipes" / "demo.yaml")
    recipe["upstreams"][0]["objective"] = "mlm"
    recipe["upstreams"][0]["train"]["tokens"] = "${TOKENS}"
    recipe["name"], recipe["promote"] = "${NAME}", "manual"
    entry = recipe["downstreams"][0]
    entry["name"], entry["downstream"] = "mine", "my_package.my_task"
    entry["data"] = [{"kind": "my_package.my_source", "anything": 1}, {"kind": "files", "paths": "a.csv"}]
    assert [error.message for error in editor.iter_errors(recipe)] == []


def test_settings_prints_a_part_that_fits_a_terminal(headwater_here: Callable) -> None:
    whole = headwater_here("settings").out
    assert max(map(cell_len, whole.splitlines())) <= 80
    part = headwater_here("settings", "upstreams.train")
    assert part.out.startswith("upstreams.train\n") and part.out in whole
    assert "  batch_tokens: whole number, at least 64; 4096 by default\n      Tokens in a batch." in part.out
    for asked, title in (
        ("finetune", "downstreams.finetune"),
        ("downstreams.classification", "downstreams.downstream.classification"),
        ("corpus.clean", "corpus.clean"),
        ("report", "report"),
        ("mask_rate", "upstreams.objective.mlm"),
    ):
        assert headwater_here("settings", asked).out.startswith(f"{title}\n"), asked
    assert 'label_separator: text; ";" by default' in whole
    (report,) = json.loads(headwater_here("settings", "report", "--json").out)
    assert report["settings"][0]["name"] == "title"


def test_an_unknown_part_is_named_with_the_closest_one(headwater_here: Callable) -> None:
    ended = headwater_here("settings", "upstream.train")
    assert ended.code == 2
    assert ended.err == "headwater: no setting 'upstream.train': did you mean 'upstreams.train'?\n"
    far = headwater_here("settings", "nonsense").err
    assert far.startswith("headwater: no setting 'nonsense': the parts are ") and "corpus, upstreams" in far


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("run recipes/de", "recipes/demo.yaml"),
        ("run recipes/demo.yaml --only cl", "classification"),
        ("run recipes/demo.yaml --only ner,pre", "ner,pretrain"),
        ("settings upstreams.tr", "upstreams.train"),
    ],
)
def test_the_shell_completes(
    line: str, offered: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from flows import cli

    words = f"headwater {line}"
    monkeypatch.chdir(PROJECT)
    monkeypatch.setenv("_HEADWATER_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    with pytest.raises(SystemExit):
        cli.main([])
    assert offered in capfd.readouterr().out.splitlines()
