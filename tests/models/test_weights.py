"""Weights in whatever files models are published: kept as safetensors, and no code in a pickle is run."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

from models import pretrained
from models.backbone import build, compatibility
from models.backbone.heads import transferred
from models.downstream.classification import Classification
from models.errors import DataError, RecipeError
from models.tokens.tokenizer import load_tokenizer
from tests.support import standard


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return standard.save("bert", tmp_path_factory.mktemp("model"))


def published(model: Path, folder: Path, **files: Any) -> Path:
    """A folder like `model`, its weights in other files."""
    folder.mkdir()
    for path in model.glob("*.json"):
        (folder / path.name).write_bytes(path.read_bytes())
    for name, tensors in files.items():
        torch.save(tensors, folder / f"{name}.bin")
    return folder


def old_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in tensors.items()
    }


def as_one(model: Path, folder: Path) -> Path:
    return published(model, folder, pytorch_model=load_file(model / "model.safetensors"))


def in_shards(model: Path, folder: Path) -> Path:
    tensors = sorted(load_file(model / "model.safetensors").items())
    half = len(tensors) // 2
    parts = {
        "pytorch_model-00001-of-00002": dict(tensors[:half]),
        "pytorch_model-00002-of-00002": dict(tensors[half:]),
    }
    published(model, folder, **parts)
    places = {name: f"{file}.bin" for file, part in parts.items() for name in part}
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return folder


def of_old(model: Path, folder: Path) -> Path:
    """With LayerNorm's old names, the output layer beside the embeddings it is, in the format before 2020."""
    tensors = old_names(load_file(model / "model.safetensors"))
    tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"]
    published(model, folder)
    torch.save(tensors, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    return folder


def in_half(model: Path, folder: Path) -> Path:
    half: Any = transformers.AutoModelForMaskedLM.from_pretrained(model, dtype=torch.bfloat16)
    half.save_pretrained(folder, max_shard_size="20KB")
    for path in model.glob("tokenizer*"):
        (folder / path.name).write_bytes(path.read_bytes())
    assert len(list(folder.glob("*.safetensors"))) > 1
    return folder


@pytest.mark.parametrize("make", [as_one, in_shards, of_old, in_half])
def test_it_is_kept_as_safetensors_and_is_the_same_model(make: Callable, model: Path, tmp_path: Path) -> None:
    source = make(model, tmp_path / "published")
    compatibility.check(str(source), str(source))
    count = pretrained.copy(str(source), tmp_path / "kept")
    assert not list((tmp_path / "kept").glob("*.bin*"))
    expected: Any = transformers.AutoModelForMaskedLM.from_pretrained(model)
    assert count == expected.num_parameters()
    exact = make is not in_half
    tokenizer = load_tokenizer(model)
    for place in (source, tmp_path / "kept"):
        found = build.load(place, tokenizer, "AutoModelForMaskedLM", 1)
        for name, tensor in expected.state_dict().items():
            assert found.state_dict()[name].dtype == torch.float32
            assert torch.allclose(found.state_dict()[name], tensor, atol=0 if exact else 1e-2), name
    transferred(Classification(classes=("a", "b")), tokenizer, tmp_path / "kept", 0.0, 1)


class Trap:
    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.sprung),)


def test_a_pickle_that_holds_more_than_tensors_is_refused_and_not_run(model: Path, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    tensors = load_file(model / "model.safetensors")
    whole = published(model, tmp_path / "whole", pytorch_model={**tensors, "trap": Trap(sprung)})
    bare = published(model, tmp_path / "bare")
    (bare / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(sprung)))
    nested = published(model, tmp_path / "nested", pytorch_model={"state_dict": tensors})
    cut = published(model, tmp_path / "cut")
    (cut / "pytorch_model.bin").write_bytes((whole / "pytorch_model.bin").read_bytes()[:500])
    reasons = {
        whole: "holds more than tensors .*mkdir",
        bare: "holds more than tensors",
        nested: "is no table of weights by their names",
        cut: "is damaged",
    }
    for folder, reason in reasons.items():
        with pytest.raises(DataError, match=reason) as refused:
            pretrained.copy(str(folder), folder / "kept")
        assert "\n" not in str(refused.value)
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("tf_model.h5", "", "holds weights of TensorFlow's alone"),
        ("flax_model.msgpack", "", "holds weights of Flax's alone"),
        ("adapter_config.json", "{}", "holds an adapter of peft"),
        ("model.safetensors", "version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
        (
            "pytorch_model.bin.index.json",
            '{"weight_map": {"a": "pytorch_model-00001-of-00001.bin"}}',
            "not whole",
        ),
        ("README.md", "", "holds no weights"),
    ],
)
def test_a_folder_without_weights_that_can_be_read_is_refused_before_anything_runs(
    file: str, text: str, reason: str, model: Path, tmp_path: Path
) -> None:
    folder = published(model, tmp_path / "folder")
    (folder / file).write_text(text)
    with pytest.raises(RecipeError, match=reason):
        compatibility.check(str(folder), str(folder))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"model_type": "t5", "is_encoder_decoder": True}, "an encoder and writes with a decoder"),
        (
            {"model_type": "kobert-ours", "auto_map": {"AutoModel": "ours.Model"}},
            "as code, which is never run",
        ),
        ({"model_type": "kobert-ours"}, "of architecture 'kobert-ours'"),
        ({"model_type": None}, "names no model_type"),
    ],
)
def test_an_architecture_without_a_class_is_refused_with_what_to_do(
    settings: dict[str, Any], reason: str, model: Path, tmp_path: Path
) -> None:
    folder = as_one(model, tmp_path / "folder")
    known = json.loads((folder / "config.json").read_text()) | settings
    (folder / "config.json").write_text(json.dumps(known))
    with pytest.raises(RecipeError, match=reason):
        compatibility.check(str(folder), str(folder))


def test_weights_of_another_architecture_than_the_config_says_are_refused(
    model: Path, tmp_path: Path
) -> None:
    other = standard.save("distilbert", tmp_path / "other")
    (other / "config.json").write_bytes((model / "config.json").read_bytes())
    with pytest.raises(DataError, match="so they are of another architecture"):
        transferred(Classification(classes=("a", "b")), load_tokenizer(model), other, 0.0, 1)


def test_a_folder_without_a_tokenizer_is_refused_and_gets_no_empty_one(model: Path, tmp_path: Path) -> None:
    folder = as_one(model, tmp_path / "folder")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(RecipeError, match=r"there is none of tokenizer\.json"):
        compatibility.check(str(folder), str(folder))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {"tokenizer_class": "KoBertTokenizer", "auto_map": {"AutoTokenizer": ["ours.KoBert", None]}}
        )
    )
    (folder / "vocab.txt").write_text("[PAD]\n")
    with pytest.raises(RecipeError, match="code of its own, which is never run"):
        compatibility.check(str(folder), str(folder))
