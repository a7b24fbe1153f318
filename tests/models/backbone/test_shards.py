"""Models that share the weights of the one they come from, and load as they were."""

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

from models.backbone import shards
from models.files import digest

CONFIG = BertConfig(
    vocab_size=60, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    BertForMaskedLM(CONFIG).save_pretrained(tmp_path / "source")
    return tmp_path / "source"


def probe(source: Path, folder: Path, seed: int) -> BertForSequenceClassification:
    """The same model below heads of its own."""
    torch.manual_seed(seed)
    model = BertForSequenceClassification.from_pretrained(source)
    model.save_pretrained(folder)
    return model


def test_what_stayed_is_the_same_file_and_the_model_the_same_model(source: Path, tmp_path: Path) -> None:
    first = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        model = probe(source, folder, seed)
        shards.part(folder, source)
        loaded, told = BertForSequenceClassification.from_pretrained(folder, output_loading_info=True)
        assert not told["missing_keys"] and not told["unexpected_keys"]
        for name, tensor in model.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], tensor), name
        first.append(folder / "model-00001-of-00002.safetensors")
        assert not (folder / shards.WHOLE).exists()
    assert digest(first[0]) == digest(first[1])
    seconds = [digest(path.with_name("model-00002-of-00002.safetensors")) for path in first]
    assert seconds[0] != seconds[1]


def test_a_model_that_has_nothing_or_all_in_common_stays_one_file(source: Path, tmp_path: Path) -> None:
    other = BertForSequenceClassification(CONFIG)
    with torch.no_grad():
        for weight in other.parameters():
            weight.normal_()
    other.save_pretrained(tmp_path / "other")
    before = digest(tmp_path / "other" / shards.WHOLE)
    for folder, of in ((tmp_path / "other", source), (tmp_path / "other", tmp_path), (source, source)):
        shards.part(folder, of)
        assert (folder / shards.WHOLE).is_file() and not (folder / shards.INDEX).exists()
    assert digest(tmp_path / "other" / shards.WHOLE) == before
