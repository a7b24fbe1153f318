"""Tokenizers: the same every time, with offsets into the original text, loadable in plain transformers."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from models.backbone.config import ModelConfig
from models.errors import DataError
from models.tokens import tokenizer_training
from models.tokens.tokenizer import SPECIAL, TokenizerConfig, load_tokenizer, measure, wrap
from tests.support.toy_text import invented_words, sentences

TEXTS = [*sentences(400), *invented_words(400), *["ＡＢＣ 전각 글자", "café 한강", "ㅋㅋㅋ 재미있다!!"] * 20]
VOCABULARY = 240
KINDS = ("wordpiece", "bpe", "unigram")


def batches(texts: list[str] = TEXTS) -> Callable[[], Iterable[list[str]]]:
    return lambda: (texts[start : start + 64] for start in range(0, len(texts), 64))


def trained(kind: str, vocabulary: int = VOCABULARY, **settings: object) -> Tokenizer:
    config = TokenizerConfig.model_validate(
        {"kind": kind, "vocabulary": vocabulary, "min_frequency": 1, **settings}
    )
    return tokenizer_training.train(config, batches())


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_five_special_tokens_are_no_text(kind: str) -> None:
    made = trained(kind)
    special = [token.content for token in made.get_added_tokens_decoder().values()]
    assert sorted(special) == sorted(SPECIAL)
    text = "강아지가 공원에서 노래를 부른다"
    assert made.decode(made.encode(text).ids, skip_special_tokens=True) == text


@pytest.fixture(scope="module")
def trained_elsewhere() -> dict[str, str]:
    """By kind, what another process has made, with a single thread."""
    code = (
        "import json; from tests.models.tokens.test_tokenizer import KINDS, trained; "
        "print(json.dumps({kind: trained(kind).to_str() for kind in KINDS}))"
    )
    environment = {**os.environ, "PYTHONPATH": ".", "RAYON_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    return json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    )


@pytest.mark.parametrize("kind", KINDS)
def test_training_again_in_another_process_gives_the_same_bytes(
    kind: str, trained_elsewhere: dict[str, str]
) -> None:
    assert trained_elsewhere[kind] == trained(kind).to_str()


@pytest.mark.parametrize("kind", KINDS)
def test_saved_it_loads_in_plain_transformers_and_frames_and_masks(kind: str, tmp_path: Path) -> None:
    wrap(trained(kind)).save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    ids = loaded("강아지가 노래를 부른다").input_ids
    assert [ids[0], ids[-1]] == [loaded.cls_token_id, loaded.sep_token_id]
    assert len(loaded) == VOCABULARY
    assert loaded.unk_token_id not in ids
    assert loaded.mask_token_id in loaded("강아지가 [MASK] 부른다").input_ids
    assert sorted(loaded("가", "나")) == ["attention_mask", "input_ids"]


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(st.sampled_from("강아지가 노래를부른다ＡＢéㅋ! "), max_size=30))
def test_offsets_lead_back_to_the_original_text(kind: str, text: str) -> None:
    tokenizer = _cached(kind)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    assert all(0 <= start <= end <= len(text) for start, end in encoding.offsets)
    covered = {place for start, end in encoding.offsets for place in range(start, end)}
    assert all(place in covered for place, letter in enumerate(text) if not letter.isspace())


_made: dict[str, Tokenizer] = {}


def _cached(kind: str) -> Tokenizer:
    if kind not in _made:
        _made[kind] = trained(kind)
    return _made[kind]


def test_normalizers_decide_whether_forms_are_one() -> None:
    wide, narrow = "ＡＢＣ", "ABC"
    as_one = trained("bpe", normalizer="nfkc")
    assert as_one.encode(wide).ids == as_one.encode(narrow).ids
    apart = trained("bpe", normalizer="nfc")
    assert apart.encode(wide).ids != apart.encode(narrow).ids
    decomposed, composed = "\u1112\u1161\u11ab", "한"
    assert trained("bpe", normalizer="none").encode(decomposed).ids != apart.encode(composed).ids
    assert apart.encode(decomposed).ids == apart.encode(composed).ids


@pytest.mark.parametrize("kind", KINDS)
def test_a_vocabulary_larger_than_the_text_allows_says_how_many_there_are(kind: str) -> None:
    with pytest.raises(
        DataError,
        match=r"allows a vocabulary of [\d,]+ tokens, 5,000 are asked for: set the upstream's tokenizer",
    ):
        trained(kind, vocabulary=5_000)


@pytest.mark.parametrize("kind", KINDS)
def test_the_vocabulary_that_is_advised_for_a_tiny_text_can_be_had(kind: str) -> None:
    texts = [
        f"{who}는 {where}에 갔다 {what}" for who in "가나다" for where in "라마바" for what in ("왜", "언제")
    ] * 9
    with pytest.raises(DataError) as caught:
        tokenizer_training.train(TokenizerConfig.model_validate({"kind": kind}), batches(texts))
    advised = int(str(caught.value).partition("tokenizer.vocabulary to ")[2].partition(",")[0])
    config = TokenizerConfig.model_validate({"kind": kind, "vocabulary": advised})
    assert tokenizer_training.train(config, batches(texts)).get_vocab_size() == advised < 100


def test_fertility_and_unknown_rate_are_those_of_the_text() -> None:
    tokenizer = wrap(trained("wordpiece"))
    measured = measure(tokenizer, [["강아지가 노래를", "뷁뷁"], ["강" * 45]])
    tokens = len(tokenizer(f"강아지가 노래를 뷁뷁 {'강' * 45}", add_special_tokens=False).input_ids)
    assert measured["fertility"] == tokens / 4
    assert measured["unknown_rate"] == 2 / (4 + 3 + 2 + 45), "of letters: a token may stand for many"
    assert measured["unspaced_rate"] == 45 / (4 + 3 + 2 + 45)


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_of_letters_without_an_end_leaves_other_text_alone(kind: str) -> None:
    config = TokenizerConfig.model_validate({"kind": kind, "vocabulary": VOCABULARY, "min_frequency": 1})
    noise = "".join(random.Random(1).choices("ACGTNacgtn0123456789", k=350_000))
    spoilt = tokenizer_training.train(config, batches([*TEXTS, noise]))
    held_out = [TEXTS[:100]]
    plain, beside = (measure(wrap(made), held_out) for made in (trained(kind), spoilt))
    assert beside["fertility"] < 1.25 * plain["fertility"]


@pytest.mark.parametrize("comma", ["，", ","])
def test_long_texts_without_spaces_are_learnt_from_as_their_clauses_are(comma: str) -> None:
    words = ["".join(word) for word in zip("天地玄黃宇宙洪荒", "日月盈昃辰宿列張", strict=True)]
    drawn = random.Random(1).choices(words, k=9_000)
    clauses = ["".join(drawn[at : at + 9]) + comma for at in range(0, 9_000, 9)]
    config = TokenizerConfig.model_validate({"vocabulary": 120, "min_frequency": 1})
    whole, apart = (
        tokenizer_training.train(config, batches(texts)) for texts in (["".join(clauses)], clauses)
    )
    assert whole.get_vocab().keys() == apart.get_vocab().keys()


@pytest.mark.parametrize("kind", KINDS)
def test_text_without_spaces_is_read_letter_by_letter_and_led_back(kind: str) -> None:
    text = "강아지가공원에서노래를부른다" * 40
    config = TokenizerConfig.model_validate({"kind": kind, "vocabulary": VOCABULARY, "min_frequency": 1})
    made = tokenizer_training.train(config, batches([*TEXTS, text]))
    encoding = made.encode(text, add_special_tokens=False)
    assert made.token_to_id("[UNK]") not in encoding.ids
    pieces = [text[start:end] for start, end in encoding.offsets]
    assert "".join(pieces) == text and max(map(len, pieces)) <= 100


def test_what_pretrained_would_ignore_is_refused() -> None:
    with pytest.raises(ValueError, match="pretrained brings its own kind"):
        TokenizerConfig(pretrained="somewhere", kind="bpe")
    with pytest.raises(ValueError, match="pretrained brings its own size"):
        ModelConfig(pretrained="somewhere", size="tiny")


def test_a_pretrained_folder_is_its_content_not_its_place(tmp_path: Path) -> None:
    for name in ("here", "there"):
        wrap(trained("bpe")).save_pretrained(tmp_path / name)
    identities = [TokenizerConfig(pretrained=str(tmp_path / name)).identity() for name in ("here", "there")]
    assert identities[0] == identities[1]
    (tmp_path / "there" / "tokenizer.json").write_text("{}")
    assert TokenizerConfig(pretrained=str(tmp_path / "there")).identity() != identities[0]


def test_a_folder_without_a_tokenizer_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no tokenizer can be read from"):
        load_tokenizer(tmp_path)
