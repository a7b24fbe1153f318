"""A pretrained model answers by itself, whatever its architecture and its tokenizer's token for a blank."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from models.answering import pretrained
from models.answering.request import Speaker
from models.errors import DataError
from tests.support import standard

TEXT = "음악이 훌륭했다"


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Speaker[Any]]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return cache(lambda name: pretrained.load(standard.save(name, folder / name)))


@pytest.mark.parametrize("architecture", standard.ENCODERS)
def test_a_blank_is_filled_in_with_what_the_models_own_head_finds_likeliest(
    architecture: str, speaker: Callable[[str], Speaker[Any]]
) -> None:
    asked = speaker(architecture)
    own = asked.tokenizer.mask_token
    (answer,) = asked.predict([{"text": f"음악이 {own}", "top": 3}])
    (words,) = answer["blanks"]
    assert len(words) == 3
    best = words[0]["word"].removeprefix("##")
    assert answer["text"] in (f"음악이 {best}", f"음악이{best}")
    chances = [word["probability"] for word in words]
    assert chances == sorted(chances, reverse=True) and 0 < sum(chances) < 1
    with torch.inference_mode():
        read = asked.tokenizer(f"음악이 {own}", return_tensors="pt", return_token_type_ids=False)
        at = int((read["input_ids"][0] == asked.tokenizer.mask_token_id).nonzero())
        expected = asked.model(**read).logits[0, at].softmax(-1)
    special = set(asked.tokenizer.all_special_ids)
    best = next(
        at
        for at in expected.argsort(descending=True).tolist()
        if at not in special and at < len(asked.tokenizer)
    )
    assert words[0]["word"] == asked.tokenizer.decode([best]).strip()
    assert chances[0] == pytest.approx(float(expected[best]), abs=1e-4)


def assert_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The same words; their chances are the same but for rounding."""
    one, other = deepcopy((one, other))
    words = [[word for blank in answer.get("blanks", ()) for word in blank] for answer in (one, other)]
    chances = [[word.pop("probability") for word in found] for found in words]
    assert one == other and chances[0] == pytest.approx(chances[1], abs=1e-4)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "xlm-roberta"])
def test_every_way_to_write_a_blank_is_the_same_question(
    architecture: str, speaker: Callable[[str], Speaker[Any]]
) -> None:
    asked = speaker(architecture)
    marks = ("[MASK]", "<mask>", "___", "_____")
    answers = asked.predict([{"text": f"음악이 {mark} 정말"} for mark in marks])
    for answer in answers[1:]:
        assert_alike(answer, answers[0])
    (two,) = asked.predict([{"text": "음악이 [MASK] 정말 ___"}])
    assert len(two["blanks"]) == 2


def test_answers_do_not_depend_on_the_requests_beside_them(speaker: Callable[[str], Speaker[Any]]) -> None:
    texts = [{"text": "[MASK]"}, {"text": "음악이 [MASK] " + "정말 " * 20}, {"text": "음악이 [MASK] [MASK]"}]
    for name, requests in (("bert", texts), ("llama", [{"text": "음악이"}, {"text": TEXT}])):
        for answer, request in zip(speaker(name).predict(requests), requests, strict=True):
            assert_alike(answer, speaker(name).predict([request])[0])


@pytest.mark.parametrize("architecture", standard.DECODERS)
def test_a_text_is_gone_on_with_by_seed_and_temperature(
    architecture: str, speaker: Callable[[str], Speaker[Any]]
) -> None:
    asked = speaker(architecture)
    request = {"text": TEXT, "max_new_tokens": 8, "temperature": 2.0}
    first, again, other = asked.predict([request, request, request | {"seed": 2}])
    assert first == again
    assert first["text"].startswith(TEXT)
    assert other != first
    cold, colder = asked.predict([request | {"temperature": 0, "seed": seed} for seed in (1, 2)])
    assert cold == colder
    (short,) = asked.predict([request | {"temperature": 0, "max_new_tokens": 2}])
    assert cold["continuation"].startswith(short["continuation"].rstrip("\ufffd"))


def test_a_model_without_a_head_for_words_gives_a_texts_vector(tmp_path: Path) -> None:
    folder = standard.save("xlm-roberta", tmp_path / "model", head="AutoModel")
    short, long = pretrained.load(folder).predict([{"text": TEXT}, {"text": "음악이 " * 300}])
    assert sum(value**2 for value in short["vector"]) == pytest.approx(1.0, abs=1e-3)
    assert len(long["vector"]) == 32


def test_a_discriminator_fills_in_nothing(tmp_path: Path) -> None:
    folder = standard.save("electra", tmp_path / "model", head="AutoModelForPreTraining")
    (answer,) = pretrained.load(folder).predict([{"text": TEXT}])
    assert [*answer] == ["vector"]


@pytest.mark.parametrize(
    ("architecture", "request_", "reason"),
    [
        ("bert", {"text": TEXT}, r"no blank in field 'text': write \[MASK\]"),
        ("bert", {"text": " "}, "no text in field 'text'"),
        ("bert", {"text": 1}, "no text in field 'text'"),
        ("bert", {"text": "\ud800"}, "half a character"),
        ("bert", {"text": "[MASK] " + "정말 " * 400}, "tokens, and the model reads 256"),
        ("bert", {"text": "[MASK]", "top": 0}, "top: "),
        ("llama", {"text": TEXT, "temperature": -1}, "temperature: "),
        ("llama", {"text": TEXT, "max_new_tokens": 255}, "leave no room for a text in the 256"),
        ("llama", {"text": TEXT, "max_new_tokens": "many"}, "max_new_tokens: "),
    ],
)
def test_what_cannot_be_answered_says_why(
    architecture: str, request_: dict[str, Any], reason: str, speaker: Callable[[str], Speaker[Any]]
) -> None:
    with pytest.raises(DataError, match=f"request 2: .*{reason}"):
        speaker(architecture).predict([{"text": "[MASK]"}, request_])


def test_a_long_text_is_gone_on_with_from_its_end_and_other_fields_are_passed_over(
    speaker: Callable[[str], Speaker[Any]],
) -> None:
    asked = speaker("gpt2")
    long = "시간이 아까운 영화였다 " * 40 + TEXT
    given = {"text": long, "max_new_tokens": 4, "temperature": float("nan"), "rating": 5}
    (answer,) = asked.predict([given])
    assert answer["text"].startswith(long)
    assert isinstance(asked.model, transformers.GPT2LMHeadModel)
