"""Whether a model and a tokenizer that are brought along go together, found before anything runs."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from models.backbone import compatibility
from models.errors import RecipeError
from models.tokens.tokenizer import wrap


def tokenizer_in(folder: Path, *words: str) -> str:
    numbers = {
        word: number for number, word in enumerate(["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]", *words])
    }
    wrap(Tokenizer(WordLevel(numbers, "[UNK]"))).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A folder with weights and the tokenizer it was pretrained with."""
    folder = tmp_path / "model"
    tokenizer_in(folder, "가", "나")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": 8}))
    (folder / "model.safetensors").write_bytes(b"")
    return str(folder)


def test_its_own_tokenizer_and_one_just_like_it_are_fine(model: str, tmp_path: Path) -> None:
    compatibility.check(model, model)
    compatibility.check(model, tokenizer_in(tmp_path / "alike", "가", "나"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("나", "가"), r"'(가|나)' has id \d in the one and \d in the other"),
        (("가", "나", "다"), "'다' has id 7 in the one and none in the other"),
        (tuple("가나다라"), "with ids up to 8, does not fit .*, which has 8 embeddings"),
    ],
    ids=["other order", "one more", "too many"],
)
def test_another_tokenizer_is_refused(
    model: str, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        compatibility.check(model, tokenizer_in(tmp_path / "other", *words))


def test_a_new_tokenizer_and_a_folder_without_weights_are_refused(model: str) -> None:
    with pytest.raises(RecipeError, match="a new tokenizer does not fit"):
        compatibility.check(model, None)
    (Path(model) / "model.safetensors").unlink()
    with pytest.raises(RecipeError, match="holds no weights"):
        compatibility.check(model, model)
