"""Recipes: what is right loads, and what is wrong is said in one line with its place."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from flows.downstream import downstream
from flows.pretraining import pretraining
from flows.recipe.recipe import Recipe
from flows.transfer import transfer_learning
from models.backbone import build
from models.backbone.config import ModelConfig
from models.errors import RecipeError
from models.tokens import tokenizer
from tests.support.recipes import SMALL, write

PUBLISHED = sorted(Path(__file__).parents[3].joinpath("recipes").glob("*.yaml"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write(tmp_path, SMALL)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_every_recipe_of_the_project_loads_and_its_text_too(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = tmp_path / "multilingual-e5-small-ko"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "bert", "max_position_embeddings": 512}')
    monkeypatch.setenv("HEADWATER_DATA", "/data")
    monkeypatch.setenv("HEADWATER_MODELS", str(tmp_path))
    loaded = Recipe.load(path)
    assert loaded.name == path.stem
    (tmp_path / "again.yaml").write_text(loaded.text(), encoding="utf-8")
    assert Recipe.load(tmp_path / "again.yaml") == loaded


def brought(model: Path, **settings: Any) -> dict[str, Any]:
    recipe: dict[str, Any] = {**SMALL, "upstreams": [{"pretrained": str(model), **settings}]}
    del recipe["corpus"]
    return recipe


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A checkpoint with its tokenizer."""
    words = tokenizer.wrap(Tokenizer(WordLevel({"[UNK]": 0, "[PAD]": 1, "가": 2, "나": 3}, "[UNK]")))
    folder = tmp_path / "encoder"
    config = ModelConfig(hidden_size=8, layers=1, heads=1, max_positions=64)
    build.build(config, words, "AutoModelForMaskedLM", seed=1).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def test_a_model_that_is_brought_along_needs_no_corpus(tmp_path: Path, encoder: Path) -> None:
    loaded = Recipe.load(write(tmp_path, brought(encoder)))
    loaded.check([])
    (part,) = loaded.upstreams
    assert (part.name, part.tokenizer.pretrained, part.decoder) == ("pretrained", str(encoder), False)
    with pytest.raises(RecipeError, match="leave out train; to pretrain further"):
        Recipe.load(write(tmp_path, brought(encoder, train={"tokens": 5})))
    with pytest.raises(RecipeError, match="'corpus' is missing, the text that mlm is pretrained on"):
        Recipe.load(write(tmp_path, {name: part for name, part in SMALL.items() if name != "corpus"}))


def test_a_tokenizer_that_does_not_fit_is_refused_before_anything_runs(tmp_path: Path, encoder: Path) -> None:
    other = tmp_path / "other"
    tokenizer.wrap(Tokenizer(WordLevel({"[UNK]": 0, "나": 2, "가": 3}, "[UNK]"))).save_pretrained(other)
    with pytest.raises(RecipeError, match=r"does not fit .*: '.*' has id \d+ in the one and"):
        Recipe.load(write(tmp_path, brought(encoder, tokenizer={"pretrained": str(other)}))).check([])
    many = {"[UNK]": 0, **{f"w{number}": number for number in range(1, 60)}}
    tokenizer.wrap(Tokenizer(WordLevel(many, "[UNK]"))).save_pretrained(other)
    with pytest.raises(RecipeError, match=r"does not fit .*, which has \d+ embeddings"):
        Recipe.load(write(tmp_path, brought(encoder, tokenizer={"pretrained": str(other)}))).check([])
    further = {**SMALL, "upstreams": [{**SMALL["upstreams"][0], "model": {"pretrained": str(encoder)}}]}
    with pytest.raises(RecipeError, match="a new tokenizer does not fit"):
        Recipe.load(write(tmp_path, further)).check([])
    (encoder / "model.safetensors").unlink()
    with pytest.raises(RecipeError, match="holds no weights"):
        Recipe.load(write(tmp_path, brought(encoder))).check([])


@pytest.mark.parametrize("flow", [transfer_learning, downstream, pretraining])
def test_a_deployed_flow_refuses_it_too(tmp_path: Path, encoder: Path, flow: Any) -> None:
    other = tmp_path / "other"
    tokenizer.wrap(Tokenizer(WordLevel({"[UNK]": 0, "나": 2, "가": 3}, "[UNK]"))).save_pretrained(other)
    with pytest.raises(RecipeError, match="does not fit"):
        flow.fn(write(tmp_path, brought(encoder, tokenizer={"pretrained": str(other)})))


def test_entries_are_named_after_what_they_are_about(recipe: Path) -> None:
    loaded = Recipe.load(recipe)
    assert [part.name for part in loaded.upstreams] == ["mlm"]
    assert [part.name for part in loaded.downstreams] == ["classification"]


def test_the_text_of_a_recipe_says_every_setting_and_loads_again(recipe: Path, tmp_path: Path) -> None:
    loaded = Recipe.load(recipe, {"seed": 5})
    again = tmp_path / "again.yaml"
    again.write_text(loaded.text(), encoding="utf-8")
    assert Recipe.load(again) == loaded


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"sed": 1}, "--set sed: unknown key 'sed': did you mean 'seed'?"),
        ({"seed": "x"}, "--set seed: needs a whole number, not 'x'"),
        ({"device": "tpu"}, "--set device: unknown value 'tpu': did you mean 'cpu'?"),
        ({"corpus.quarantine": 3}, "--set corpus.quarantine: must be at most 1, not 3"),
        ({"corpus.sources": []}, "--set corpus.sources: needs at least 1 of them"),
        ({"corpus.sources.0.kind": "dem"}, "unknown kind 'dem': did you mean 'demo'?"),
        ({"corpus.sources.0.documnts": 9}, "unknown key 'documnts': did you mean 'documents'?"),
        (
            {"upstreams.mlm.train.tokens": "many"},
            "--set upstreams.mlm.train.tokens: needs a whole number, not 'many'",
        ),
        ({"upstreams.mlm.encode.sequence_length": 65}, "65 is beyond the model's 64 positions"),
        ({"downstreams.0.downstream.max_length": 65}, "65 is beyond the model's 64 positions"),
        ({"downstreams.0.labels": 7}, "--set downstreams.0.labels: needs a list, not 7"),
        ({"downstreams.0.upstream": "clm"}, "unknown upstream 'clm'"),
        ({"downstreams.0.name": "mlm"}, "two entries are named 'mlm'"),
        ({"downstreams.0.name": "score"}, "cannot be named 'score', which is a step"),
        (
            {"gain.sizes": [8, 5]},
            "gain.sizes: 5 labels are too few to learn from and to choose by: give at least 8",
        ),
        ({"gain.sizes": [0, 1]}, "gain: 'sizes' has none that finetune can learn from: give 8 or more"),
        ({"gain.entries": ["clasification"]}, "no downstream is named 'clasification': did you mean"),
        ({"gain.modes": ["finetun"]}, "gain.modes"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_one_line(recipe: Path, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as error:
        Recipe.load(recipe, overrides)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_each_wrong_setting_has_a_line_with_its_place_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, {**SMALL, "seed": "one", "threads": "two"})
    lines = path.read_text(encoding="utf-8").splitlines()
    with pytest.raises(RecipeError) as error:
        Recipe.load(path)
    said = str(error.value).splitlines()
    for name in ("seed", "threads"):
        number = next(n for n, line in enumerate(lines, start=1) if line.startswith(name))
        assert any(line.startswith(f"{path}, line {number}: {name}: needs a whole number") for line in said)


def test_a_grid_runs_every_fitting_mode_at_every_size_and_seed(recipe: Path) -> None:
    loaded = Recipe.load(recipe, {"gain.sizes": [0, 8, "all"], "gain.seeds": [1, 2, 3]})
    assert loaded.gain is not None
    cells = list(loaded.downstreams[0].cells(loaded.gain.modes, loaded.gain.labels(), loaded.gain.seeds))
    assert sum(cell.mode == "zero_shot" for cell in cells) == 1
    assert sum(cell.mode == "few_shot" for cell in cells) == 3
    assert {cell.labels for cell in cells if cell.mode == "lora"} == {8, None}
    assert len(cells) == 1 + 3 + 3 + 6 * 2 * 3


@pytest.mark.parametrize(
    ("only", "entries"),
    [
        ([], ["classification"]),
        (["classification"], ["classification"]),
        (["mlm"], []),
        (["adapt"], ["classification"]),
    ],
)
def test_only_names_entries_and_steps(recipe: Path, only: list[str], entries: list[str]) -> None:
    assert [entry.name for entry in Recipe.load(recipe).entries(only)] == entries


def test_only_refuses_what_is_neither(recipe: Path) -> None:
    with pytest.raises(RecipeError, match="--only pretrian: no such entry or step: did you mean 'pretrain'"):
        Recipe.load(recipe).entries(["pretrian"])
