"""Named entities: exact to the character whatever the tokenizer, and scored as seqeval does."""

import itertools
import json
import unicodedata
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch
from models.characters.places import SLOTS
from models.data import schemas as checked
from models.downstream.ner import SURE, NamedEntities
from models.downstream.ner.entities import ENTITIES
from models.downstream.ner.iob2 import EDGE, best_labels
from models.errors import DataError
from models.inference.inputs import Inputs, predict
from models.tuning.linear_start import fit_last_layer

SCHEMA = {"id": pl.String, "text": pl.String, "entities": ENTITIES}
NER = NamedEntities(types=("LC", "PS"))
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


def frame(*marked: tuple[str, list[tuple[int, int, str]]]) -> pl.DataFrame:
    """Rows from texts with the start, end and type of their entities."""
    rows = [
        (str(number), text, [{"start": start, "end": end, "type": kind} for start, end, kind in entities])
        for number, (text, entities) in enumerate(marked)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def found(predictions: pl.DataFrame) -> list[list[tuple[int, int, str]]]:
    """Start, end and type of each entity of each row."""
    return [[(item["start"], item["end"], item["type"]) for item in row] for row in predictions["entities"]]


def known(
    downstream: NamedEntities, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame
) -> list[list[tuple[int, int, str]]]:
    """What a model that knows every label says."""
    features = downstream.encode(tokenizer, rows, labelled=True)
    assert all(len(feature["input_ids"]) <= downstream.max_length for feature in features)
    return found(downstream.decode([downstream.oracle(item) for item in features], features, rows))


@st.composite
def spans(draw: st.DrawFn, length: int) -> list[tuple[int, int, str]]:
    """Entities of a text, some of them touching."""
    cuts = draw(st.lists(st.integers(0, length), unique=True).map(sorted))
    kinds = [draw(st.sampled_from(["", "LC", "PS"])) for _ in cuts[1:]]
    return [(*pair, kind) for pair, kind in zip(itertools.pairwise(cuts), kinds, strict=True) if kind]


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, str]]]:
    text = draw(st.text(st.sampled_from(LETTERS), min_size=1, max_size=60))
    return text, draw(spans(len(text)))


@pytest.mark.parametrize("downstream", [NER, SHORT], ids=["whole", "windows"])
@fixtures
@given(st.lists(texts(), min_size=1, max_size=3))
def test_every_entity_comes_back_exactly(
    tokenizer: PreTrainedTokenizerBase, downstream: NamedEntities, marked: list[Any]
) -> None:
    assert known(downstream, tokenizer, frame(*marked)) == [entities for _, entities in marked]


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
    assert [item["input_ids"] for item in features] == tokenizer(rows["text"].to_list())["input_ids"]


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
@given(st.text(st.sampled_from(LETTERS), min_size=40, max_size=120), st.data())
def test_windows_are_joined_where_they_show_most_of_the_text(
    tokenizer: PreTrainedTokenizerBase, text: str, data: st.DataObject
) -> None:
    """What a window says within its half of the overlap's reach to a cut is never asked."""
    entities = data.draw(spans(len(text)))
    rows = frame((text, entities))
    features = SHORT.encode(tokenizer, rows, labelled=True)
    outputs = [SHORT.oracle(feature) for feature in features]
    for output, feature in zip(outputs, features, strict=True):
        near = feature["context"] < SHORT.stride // 2
        output[near] = SURE * np.eye(output.shape[1])[data.draw(st.integers(0, 4))]
    assert found(SHORT.decode(outputs, features, rows)) == [entities]


def test_predictions_of_long_texts_cover_them_whole(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = frame(("서울에서 부산까지 " * 20, []))
    features = SHORT.encode(tokenizer, rows, labelled=False)
    assert len(features) > 3
    covered = {
        feature["first"] + at for feature in features for at in range((feature["characters"] != -100).sum())
    }
    assert covered == set(range(len(rows["text"][0])))


@given(st.integers(0, 5), st.data())
def test_labels_are_the_best_that_iob2_allows(length: int, data: st.DataObject) -> None:
    table = np.array(data.draw(st.lists(st.floats(-9, 9), min_size=5 * length, max_size=5 * length)))
    table = table.reshape(length, 5)
    blank = np.array(data.draw(st.lists(st.booleans(), min_size=length, max_size=length)), dtype=bool)

    def score(labels: tuple[int, ...]) -> float:
        """What a sequence is worth, -inf where IOB2 does not allow it."""
        total = sum(table[at, label] for at, label in enumerate(labels))
        for at, label in enumerate(labels):
            before, after = (0, *labels)[at], (*labels, 0)[at + 1]
            if label in (2, 4) and before not in (label - 1, label):
                return -np.inf
            ends = label > 0 and not (after in (2, 4) and label in (after - 1, after))
            total -= EDGE * blank[at] * ((label in (1, 3)) + ends)
        return float(total)

    best = max(score(labels) for labels in itertools.product(range(5), repeat=length))
    assert score(tuple(best_labels(table, blank).tolist())) == pytest.approx(best)


def test_an_entity_does_not_take_in_the_space_after_it() -> None:
    text, rows = "서울 은", frame(("서울 은", []))
    feature = {"row": 0, "first": 0, "context": np.full(len(text), 9)}
    logits = 6.0 * np.eye(5)[[1, 2, 2, 0]]
    assert found(NER.decode([logits], [feature], rows)) == [[(0, 2, "LC")]]
    assert found(NER.decode([6.0 * np.eye(5)[[1, 2, 2, 2]]], [feature], rows)) == [[(0, 4, "LC")]]


def tags(length: int, entities: list[tuple[int, int, str]]) -> list[str]:
    found = ["O"] * length
    for start, end, kind in entities:
        found[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
    return found


def predicted(rows: pl.DataFrame, entities: list[list[tuple[int, int, str]]]) -> pl.DataFrame:
    items = [
        [{"start": start, "end": end, "type": kind, "probability": 0.5} for start, end, kind in row]
        for row in entities
    ]
    schema = NER.decode([], [], rows.clear()).schema
    return pl.DataFrame({"id": rows["id"], "entities": items}, schema=schema)


both = st.integers(1, 12).flatmap(lambda length: st.tuples(st.just(length), spans(length), spans(length)))


@given(st.lists(both, min_size=1, max_size=5))
def test_f1_is_that_of_seqeval(drawn: list[Any]) -> None:
    rows = frame(*[("가" * length, gold) for length, gold, _ in drawn])
    got = NER.evaluate(rows, predicted(rows, [guess for *_, guess in drawn]))
    wanted = [[tags(length, item[at]) for length, *item in drawn] for at in (0, 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns of types with neither gold nor prediction
        assert got["entity_f1"] == pytest.approx(f1_score(*wanted, mode="strict", scheme=IOB2))
        for kind in ("LC", "PS"):
            only = [[[tag if tag[2:] == kind else "O" for tag in row] for row in side] for side in wanted]
            theirs = f1_score(*only, mode="strict", scheme=IOB2)
            assert got[f"entity_f1/{kind}"] == pytest.approx(theirs)


def test_a_type_that_does_not_occur_has_0_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = NER.metrics(np.zeros((1000, 9)))
    assert all(value.shape == (1000,) and not value.any() for value in values.values())
    assert set(values) == {"entity_f1", "entity_f1/LC", "entity_f1/PS"}


def test_a_type_no_training_row_has_is_missed_and_not_learnt(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = frame(("서울의 봄날에", [(0, 2, "LC"), (4, 6, "DT")]))
    features = NER.encode(tokenizer, rows, labelled=True)
    assert known(NER, tokenizer, rows) == [[(0, 2, "LC")]]
    assert sum((feature["characters"] == -1).sum() for feature in features) == 2
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


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("서울", [(1, 3, "LC")]), "entities: not inside the text"),
        (("서울", [(1, 1, "LC")]), "entities: not inside the text"),
        (("서울", [(0, 2, "LC"), (1, 2, "PS")]), "entities: overlapping"),
        (("서울", [(0, 2, "OG")]), "entities: without a known type"),
        (("\t", []), "text: empty"),
    ],
)
def test_bad_rows_are_set_aside_with_the_reason(row: Any, reason: str) -> None:
    rows = frame(("서울에 간다", [(3, 4, "PS"), (0, 2, "LC")]), row, ("간다", []))
    where = {"file": "a.tsv", "part": "", "group": ""}
    rows = rows.with_row_index("line").with_columns(
        pl.col("line").cast(pl.Int64), **{name: pl.lit(value) for name, value in where.items()}
    )
    kept, bad = checked.check(rows, NER.schema())
    assert kept["id"].to_list() == ["0", "2"]
    assert checked.reasons(bad) == {reason: 1}


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


def test_details_show_what_is_wrong() -> None:
    rows = frame(("서울의 지우", [(0, 2, "LC"), (4, 6, "PS")]), ("간다", []))
    details = NER.details(rows, predicted(rows, [[(0, 3, "LC"), (4, 6, "PS")], []]))
    assert details["per_type"]["LC"] == {"right": 0, "predicted": 1, "gold": 1}
    assert details["per_type"]["PS"] == {"right": 1, "predicted": 1, "gold": 1}
    assert details["worst"] == [
        {
            "id": "0",
            "text": "서울의 지우",
            "gold": "서울:LC 0–2, 지우:PS 4–6",
            "predicted": "서울의:LC 0–3, 지우:PS 4–6",
            "wrong": 2,
        }
    ]


def test_the_baseline_takes_the_longest_word_and_leaves_doubtful_ones(tmp_path: Path) -> None:
    train = frame(
        ("서울역과 서울에 갔다", [(0, 3, "LC"), (5, 7, "LC")]),
        ("이는 이가 아닌 이다", [(0, 1, "PS")]),
        ("서울", [(0, 2, "LC")]),
    )
    test = frame(("이제 서울역 서울", [(3, 6, "LC"), (7, 9, "LC")]))
    baseline = NER.fit_baseline(train, test, seed=1)
    predictions = baseline.predict(test)
    assert found(predictions) == [[(3, 6, "LC"), (7, 9, "LC")]]
    assert predictions["entities"][0].struct.field("probability").to_list() == [1.0, 1.0]
    assert baseline.setting == {"count": 1, "share": 0.5}
    baseline.save(tmp_path)
    assert (
        json.loads((tmp_path / "dictionary.json").read_text(encoding="utf-8"))["words"]["서울역"][0] == "LC"
    )
    loaded = NER.load_baseline(tmp_path)
    assert loaded.predict(test).equals(predictions) and loaded.setting == baseline.setting
