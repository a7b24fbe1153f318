"""Named entities: exact to the character whatever the tokenizer, and scored as seqeval does."""

import unicodedata
from collections.abc import Callable
from typing import Any
from unicodedata import normalize

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch
from models.characters.places import SLOTS
from models.data.comparison import composed
from models.downstream.ner import SURE, NamedEntities
from models.errors import DataError
from models.inference.inputs import Inputs, predict
from models.tuning.linear_start import fit_last_layer
from tests.support.ner_rows import NER, entities_of, frame, predicted, spans

SHORT = NamedEntities(types=("LC", "PS"), max_length=12, stride=4)


LETTERS = "서울에서나는가a B.㎏½ﬁ한ㅋ갃똠\u200b\u0301✈\ufe0f🙂\t\u3000 "


fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def sentencepiece(texts: list[str]) -> PreTrainedTokenizerFast:
    """A tokenizer like XLM-RoBERTa's: a space belongs to the token after it, and stands before the text too."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words = sorted({f"▁{word}" for text in texts for word in unicodedata.normalize("NFKC", text).split()})
    pieces = [(name, 0.0) for name in special] + [(word, -1.0) for word in words[::2]]
    core = Tokenizer(
        models.Unigram([*pieces, *((letter, -5.0) for letter in {"▁", *"".join(words)})], unk_id=3)
    )
    core.add_special_tokens(special)
    core.normalizer = normalizers.NFKC()
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    return wrapped(core, special)


def characters() -> PreTrainedTokenizerFast:
    """A tokenizer of bytes: a Korean letter is three tokens."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({name: number for number, name in enumerate([*special, *letters])}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return wrapped(core, special)


def wrapped(core: Tokenizer, special: list[str]) -> PreTrainedTokenizerFast:
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(name, core.token_to_id(name)) for name in ("<s>", "</s>")]
    )
    names = ("cls_token", "pad_token", "sep_token", "unk_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=core, **dict(zip(names, special, strict=True)))


@pytest.fixture(params=["wordpiece", "sentencepiece", "bytes"])
def tokenizer(request: pytest.FixtureRequest, make_tokenizer: Callable) -> PreTrainedTokenizerBase:
    texts = [*NER.examples()["text"], "서울에서는 인천국제공항이 서울보다 멀다"]
    made = {"wordpiece": make_tokenizer, "sentencepiece": sentencepiece, "bytes": lambda _: characters()}
    return made[request.param](texts)


def known(
    downstream: NamedEntities, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame
) -> list[list[tuple[int, int, str]]]:
    """What a model that knows every label says."""
    features = downstream.encode(tokenizer, rows, labelled=True)
    assert all(len(feature.input_ids) <= downstream.max_length for feature in features)
    return entities_of(downstream.decode([downstream.oracle(item) for item in features], features, rows))


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, str]]]:
    text = draw(st.text(st.sampled_from(LETTERS), min_size=1, max_size=60).map(composed))
    return text, draw(spans(len(text)))


@pytest.mark.parametrize("downstream", [NER, SHORT], ids=["whole", "windows"])
@fixtures
@given(st.lists(texts(), min_size=1, max_size=3))
def test_every_entity_comes_back_exactly(
    tokenizer: PreTrainedTokenizerBase, downstream: NamedEntities, marked: list[Any]
) -> None:
    assert known(downstream, tokenizer, frame(*marked)) == [entities for _, entities in marked]


def test_texts_in_letters_have_the_same_labels_and_entities(tokenizer: PreTrainedTokenizerBase) -> None:
    whole = frame(("서울에서 김 영희를 Å 보았다", [(0, 2, "LC"), (5, 9, "PS")]), ("없다", []))
    places = [[(0, 5, "LC"), (10, 19, "PS")], []]
    apart = frame(*((normalize("NFD", text), own) for text, own in zip(whole["text"], places, strict=True)))
    features = [NER.encode(tokenizer, rows, labelled=True) for rows in (whole, apart)]
    assert [item.input_ids for item in features[0]] == [item.input_ids for item in features[1]]
    assert all(np.array_equal(a.characters, b.characters) for a, b in zip(*features, strict=True))
    assert known(NER, tokenizer, apart) == places
    found = [entities_of(NER.fit_baseline(rows, rows, 1).predict(rows)) for rows in (whole, apart)]
    assert found == [entities_of(whole), places]


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("서울에서는", [(0, 2, "LC")]),
        ("대구광주행", [(0, 2, "LC"), (2, 4, "LC")]),
        ("김 영희가 왔다", [(0, 4, "PS")]),
        ("뷁" * 3 * SLOTS, [(SLOTS + 1, 2 * SLOTS + 3, "PS")]),
        (" \u200b\u200b ", [(1, 2, "PS")]),
        (" 서울", [(0, 3, "LC")]),
        ("없다", []),
    ],
    ids=["a particle", "touching", "two words", "unknown word", "no tokens", "leading space", "none"],
)
def test_entities_that_tokens_do_not_show(
    tokenizer: PreTrainedTokenizerBase, text: str, entities: list[tuple[int, int, str]]
) -> None:
    assert known(NER, tokenizer, frame((text, entities))) == [entities]


def test_the_model_reads_the_tokens_it_was_pretrained_on(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = NER.examples()
    features = NER.encode(tokenizer, rows, labelled=False)
    assert [item.input_ids for item in features] == tokenizer(rows["text"].to_list())["input_ids"]


def test_labels_are_those_of_characters_and_nothing_else_counts(make_tokenizer: Callable) -> None:
    rows = frame(("대전에 산다", [(0, 2, "LC")]), ("나", []))
    made = make_tokenizer(["대전에"] * 9 + [*rows["text"], "대 전 에"])
    features = NER.encode(made, rows, labelled=True)
    batch = NER.collate(features, made)
    assert batch["characters"][0, 1].tolist() == [1, 2, 0, 0] + [-100] * (SLOTS - 4)
    assert batch["characters"][0, 0].tolist() == batch["characters"][1, -1].tolist() == [-100] * SLOTS
    assert batch["labels"].tolist() == batch["characters"][..., 0].tolist()
    assert (batch["characters"] >= 0).sum() == len("대전에 산다") + len("나")
    assert "labels" not in NER.collate(NER.encode(made, rows, labelled=False), made)


@fixtures
@given(st.text(st.sampled_from(LETTERS), min_size=40, max_size=120).map(composed), st.data())
def test_windows_are_joined_where_they_show_most_of_the_text(
    tokenizer: PreTrainedTokenizerBase, text: str, data: st.DataObject
) -> None:
    """What a window says within its half of the overlap's reach to a cut is never asked."""
    entities = data.draw(spans(len(text)))
    rows = frame((text, entities))
    features = SHORT.encode(tokenizer, rows, labelled=True)
    outputs = [SHORT.oracle(feature) for feature in features]
    for output, feature in zip(outputs, features, strict=True):
        near = feature.context < SHORT.stride // 2
        output[near] = SURE * np.eye(output.shape[1])[data.draw(st.integers(0, 4))]
    assert entities_of(SHORT.decode(outputs, features, rows)) == [entities]


def test_predictions_of_long_texts_cover_them_whole(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = frame(("서울에서 부산까지 " * 20, []))
    features = SHORT.encode(tokenizer, rows, labelled=False)
    assert len(features) > 3
    covered = {feature.first + at for feature in features for at in range((feature.characters != -100).sum())}
    assert covered == set(range(len(rows["text"][0])))


def test_a_type_no_training_row_has_is_missed_and_not_learnt(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = frame(("서울의 봄날에", [(0, 2, "LC"), (4, 6, "DT")]))
    features = NER.encode(tokenizer, rows, labelled=True)
    assert known(NER, tokenizer, rows) == [[(0, 2, "LC")]]
    assert sum((feature.characters == -1).sum() for feature in features) == 2
    score = NER.evaluate(rows, predicted(rows, [[(0, 2, "LC")]]))
    assert score == pytest.approx({"entity_f1": 2 / 3, "entity_f1/LC": 1.0, "entity_f1/PS": 0.0})


@pytest.mark.parametrize("preset", ["bert", "modernbert"])
def test_the_head_starts_from_a_linear_fit(preset: Any, make_tokenizer: Callable) -> None:
    rows = NER.examples()
    inputs = Inputs(NER, make_tokenizer(rows["text"]), rows, labelled=True)
    config = ModelConfig(preset=preset, hidden_size=32, layers=2, heads=2, max_positions=128)
    model = from_scratch(NER, inputs.tokenizer, config, dropout=0.0, seed=1)
    assert fit_last_layer(model, inputs, inputs)
    predictions, loss = predict(model, inputs)
    assert loss is not None and np.isfinite(loss)
    assert predictions.height == rows.height
    names: Any = model.config.id2label
    assert names[1] == "B-LC" and len(names) == 5 * (SLOTS + 1)


def test_types_come_from_training_rows_and_some_entity_must_be_there() -> None:
    rows = frame(("서울", [(0, 2, "LC")]), ("봄날", [(0, 2, "DT")]), ("길", []))
    assert NamedEntities().settle(rows).types == ("DT", "LC")
    assert NER.settle(rows).types == NER.types
    NamedEntities().settle(rows).check(rows)
    with pytest.raises(DataError, match="1 training rows hold no entity"):
        NamedEntities().settle(rows[2:]).check(rows[2:])


@pytest.mark.parametrize(
    ("given_settings", "message"),
    [
        ({"max_length": 32, "stride": 30}, "set it to 29 or less"),
        ({"types": ["PS", "PS"]}, "names a type twice"),
        ({"types": []}, "at least 1 item"),
    ],
)
def test_settings_that_cannot_work_are_refused(given_settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NamedEntities.model_validate(given_settings)
