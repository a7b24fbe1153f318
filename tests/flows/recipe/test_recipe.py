"""Recipes: what is right loads, and what is wrong is said in one line with its place."""

import math
import subprocess
import sys
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
from models.modes import learns
from models.tokens import tokenizer
from models.tuning.trained import Trained
from tests.support.recipes import SMALL, write

PROJECT = Path(__file__).parents[3]
PUBLISHED = sorted(PROJECT.joinpath("recipes").glob("*.yaml"))


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
        ({"headline": "f1"}, "unknown key 'headline': did you mean downstreams.classification.headline?"),
        (
            {"downstreams.0.balance": "weights"},
            "--set downstreams.0.balance: unknown key 'balance': did you mean "
            "downstreams.classification.downstream.balance?",
        ),
        ({"nonsense": 1}, "unknown key 'nonsense': known are corpus, "),
        ({"seed": "x"}, "--set seed: needs a whole number, not 'x'"),
        ({"seed": -1}, "--set seed: must be at least 0, not -1"),
        ({"seed": 2**32}, "--set seed: must be at most 4294967295, not 4294967296"),
        ({"corpus.sources.0.seed": -1}, "--set corpus.sources.0.seed: must be at least 0, not -1"),
        ({"downstreams.0.seed": -1}, "--set downstreams.0.seed: must be at least 0, not -1"),
        ({"downstreams.0.seeds": [1, 2, 1]}, "seeds: one stands there twice"),
        ({"downstreams.0.seeds": [1, 2], "downstreams.0.seed": 1}, "give either seed or seeds"),
        ({"downstreams.0.finetune.precision": "fp16"}, "fp16 loses small gradients unless losses are scaled"),
        ({"gain.seeds": [1, -1]}, "--set gain.seeds: must be at least 0, not -1"),
        ({"threads": 2**63}, "--set threads: 9223372036854775808 is too large a number"),
        (
            {"downstreams.0.labels": [10**30]},
            "--set downstreams.0.labels: 1000000000000000000000000000000 is too",
        ),
        ({"downstreams.0.finetune.epochs": math.inf}, "finetune.epochs: needs a finite number, not inf"),
        (
            {"downstreams.0.finetune.learning_rates": [10**400]},
            "learning_rates: needs a number, not 1000",
        ),
        ({"processes": -1}, "--set processes: must be at least 0, not -1"),
        ({"processes": 2, "pretrainings": 2}, "set pretrainings or processes to 1"),
        (
            {"upstreams.mlm.train.sharding": "full", "upstreams.mlm.objective.candidates": 9},
            "full leaves no process with whole weights, which objective.candidates asks for",
        ),
        ({"device": "tpu"}, "--set device: unknown value 'tpu': did you mean 'cpu'?"),
        ({"device": "cuda:x"}, "--set device: unknown value 'cuda:x': did you mean 'cuda:1'?"),
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
        ({"gain.modes": ["finetun"]}, "--set gain.modes: unknown mode 'finetun': did you mean 'finetune'?"),
        ({"downstreams.0.modes": ["few_shots"]}, "unknown mode 'few_shots': did you mean 'few_shot'?"),
        ({"downstreams.0.finetun.epochs": 2}, "unknown key 'finetun': did you mean 'finetune'?"),
        ({"downstreams.0.finetune.epoch": 2}, "unknown key 'epoch': did you mean 'epochs'?"),
        ({"downstreams.0.finetune.epochs": "x"}, "finetune.epochs: needs a number, not 'x'"),
        ({"downstreams.0.lora.epochs": -1}, "--set downstreams.0.lora.epochs: must be more than 0, not -1"),
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


NAMES = ["no", "010", "1:30", "true", "1.50", "0x1F", "1e3", "2024-01-01", "~a"]
NUMBERED = f"""
name: 2024
upstreams: [{{objective: mlm, name: 010, train: {{tokens: 1_000}}}}]
corpus: {{sources: [{{kind: files, paths: 2024}}]}}
downstreams:
  - downstream:
      kind: classification
      classes: [{", ".join(NAMES)}]
      label_words: {{010: ten, true: [yes, 1]}}
    upstream: 010
    data: [{{kind: files, parts: {{train: 0x10, test: [1, 2]}}, columns: {{label: 01}}, header: [01, 1, on], group: 1}}]
"""


def test_where_a_text_is_needed_it_is_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "numbered.yaml"
    path.write_text(NUMBERED, encoding="utf-8")
    recipe = Recipe.load(path)
    (entry,), (upstream,) = recipe.downstreams, recipe.upstreams
    assert (recipe.name, upstream.name, entry.upstream) == ("2024", "010", "010")
    assert upstream.train is not None and upstream.train.tokens == 1000
    assert entry.downstream.model_dump()["classes"] == tuple(NAMES)
    assert entry.downstream.model_dump()["label_words"] == {"010": ("ten",), "true": ("yes", "1")}
    rows = entry.data[0].model_dump()
    assert rows["parts"] == {"train": ("0x10",), "test": ("1", "2")}
    assert (rows["columns"], rows["header"], rows["group"]) == ({"label": "01"}, ("01", "1", "on"), "1")


def test_words_of_a_class_are_given_once(tmp_path: Path) -> None:
    path = tmp_path / "numbered.yaml"
    path.write_text(NUMBERED.replace("{010: ten,", "{' true': ten,"), encoding="utf-8")
    with pytest.raises(RecipeError, match="label_words: names a class twice"):
        Recipe.load(path)


def test_what_is_no_text_even_so_is_to_be_put_in_quotes(tmp_path: Path) -> None:
    path = tmp_path / "numbered.yaml"
    path.write_text(NUMBERED.replace("[no, ", "[null, "), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"line 8: .*classes.0: needs a text, not null; put it in quotes$"):
        Recipe.load(path)
    with pytest.raises(
        RecipeError, match=r"--set downstreams\.0\.upstream: needs a text, not 8; put it in quotes$"
    ):
        Recipe.load(path, {"downstreams.0.downstream.classes": ["a", "b"], "downstreams.0.upstream": 8})


def test_ways_that_train_take_over_from_finetune_how_long_and_how_often(recipe: Path) -> None:
    given = {"downstreams.0.finetune.epochs": 2, "downstreams.0.lora.min_steps": 7}
    entry = Recipe.load(recipe, given).downstreams[0]
    finetune, lora, probe = (entry.way(mode) for mode in ("finetune", "lora", "linear_probe"))
    assert isinstance(finetune, Trained) and isinstance(lora, Trained) and isinstance(probe, Trained)
    assert (finetune.epochs, lora.epochs, probe.epochs) == (2, 2, 2)
    assert (finetune.min_steps, lora.min_steps, probe.min_steps) == (10, 7, 10)
    assert finetune.learning_rates == (3e-3,)
    assert (lora.learning_rates, probe.learning_rates) == ((1e-3, 5e-3), (1e-3, 1e-2))
    assert entry.way("scratch") == finetune and entry.way("baseline") is None


def test_a_search_is_as_long_for_every_way_between_rates_of_its_own(recipe: Path) -> None:
    space = {"learning_rate": {"low": 1e-5, "high": 1e-3, "log": True}, "batch_size": [8, 16]}
    given = {
        "downstreams.0.finetune.search": {"trials": 9, "space": space},
        "downstreams.0.linear_probe.search": {"trials": 2},
    }
    entry = Recipe.load(recipe, given).downstreams[0]
    ways = {mode: entry.way(mode) for mode in ("finetune", "scratch", "lora", "linear_probe", "hybrid")}
    found = {mode: way.search for mode, way in ways.items() if isinstance(way, Trained)}
    assert {mode: search and search.trials for mode, search in found.items()} == {
        "finetune": 9, "scratch": 9, "lora": 9, "linear_probe": 2, "hybrid": 9,
    }  # fmt: skip
    assert {mode: list(search.space) for mode, search in found.items() if search} == {
        "finetune": ["learning_rate", "batch_size"],
        "scratch": ["learning_rate", "batch_size"],
        "lora": ["batch_size"],
        "linear_probe": [],
        "hybrid": ["learning_rate", "batch_size"],
    }
    cells = entry.cells(["finetune"], ["all"], [1])
    assert [cell.way.without_search().search for cell in cells if cell.way] == [None]


NEW_WAY = """
from typing import ClassVar, Literal

from pydantic import Field

from models.tuning.trained import Trained


class Bias(Trained):
    "Biases alone learn."

    kind: Literal["bias"] = "bias"
    modes: ClassVar[tuple[str, ...]] = ("bias",)
    order: ClassVar[int] = 35
    scale: float = Field(default=1.0, gt=0, description="Made up.")

    def equip(self, model, setting, problem):
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.endswith("bias"))
        return model
"""
ASKED = """
import sys
import models.transfer
models.transfer.__path__.append(sys.argv[1])
from flows.recipe import Recipe
from models.modes import modes
entry = Recipe.load(sys.argv[2], {"downstreams.0.modes": ["bias"], "downstreams.0.bias.scale": 2}).downstreams[0]
(cell,) = entry.cells(entry.modes, entry.labels, (1,))
print(list(modes()), cell.mode, cell.labels, cell.way.scale, cell.way.epochs, "torch" in sys.modules)
print("bias" in Recipe.load(sys.argv[2]).fitting(entry))
"""


def test_a_way_of_transfer_is_one_file(recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "bias.py").write_text(NEW_WAY, encoding="utf-8")
    made = subprocess.run(
        [sys.executable, "-c", ASKED, folder, recipe], capture_output=True, text=True, check=True
    )
    listed = ["finetune", "hybrid", "lora", "contrastive", "linear_probe", "bias", "prompt_tuning"]
    listed += ["zero_shot", "one_shot", "few_shot", "scratch", "baseline"]
    assert made.stdout.splitlines() == [f"{listed} bias 100 2.0 1.0 False", "True"]


def test_a_grid_runs_every_fitting_mode_at_every_size_and_seed(recipe: Path) -> None:
    loaded = Recipe.load(recipe, {"gain.sizes": [0, 8, "all"], "gain.seeds": [1, 2, 3]})
    assert loaded.gain is not None
    cells = list(loaded.downstreams[0].cells(loaded.gain.modes, loaded.gain.labels(), loaded.gain.seeds))
    assert sum(cell.mode == "zero_shot" for cell in cells) == 1
    assert sum(cell.mode == "few_shot" for cell in cells) == 3
    assert {cell.labels for cell in cells if cell.mode == "lora"} == {8, None}
    learning = [mode for mode in loaded.gain.modes if learns(mode)]
    assert len(cells) == 1 + 3 + 3 + len(learning) * 2 * 3


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


def test_to_read_a_recipe_imports_nothing_that_takes_seconds() -> None:
    program = (
        "import sys; from flows.recipe.recipe import STEPS; "
        "print(*{'prefect', 'mlflow', 'torch', 'transformers'} & {*sys.modules}); print(*STEPS)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    slow, steps = done.stdout.splitlines()
    assert slow == ""
    assert {"ingest", "hold_out", "split", "leaks", "adapt", "report"} <= {*steps.split()}
