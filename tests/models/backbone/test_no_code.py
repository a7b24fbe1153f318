"""A model that somebody gave us runs no code of theirs."""

import json
import os
import pickle
from pathlib import Path

import pytest
from transformers import BertConfig

from models.backbone import heads
from models.backbone.as_pretrained import as_pretrained
from models.downstream.classification import Classification
from models.errors import DataError


class Trap:
    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.sprung),)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model.pkl", "model.joblib"])
def test_a_model_in_a_pickle_is_refused(tmp_path: Path, name: str) -> None:
    folder, sprung = tmp_path / "model", tmp_path / "sprung"
    BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=50).save_pretrained(
        folder
    )
    (folder / name).write_bytes(pickle.dumps(Trap(sprung)))
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "trap.Trap"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "trap.py").write_text(f"import os\nos.mkdir({str(sprung)!r})\n")
    with pytest.raises(DataError, match=r"no model can be read from .*model\.safetensors") as refused:
        heads.load(folder, Classification(classes=("a", "b")))
    assert "\n" not in str(refused.value)
    with pytest.raises(DataError, match=r"holds no weights|holds more than tensors"):
        as_pretrained(folder)
    assert not sprung.exists()
