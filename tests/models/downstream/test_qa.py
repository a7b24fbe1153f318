"""Question answering: where answers lie in windows, which piece of the context is the answer, and what it is worth."""

import json
import os
import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch
from models.data import schemas as checked
from models.downstream.qa import QuestionAnswering, windows
from models.downstream.qa.best_sentence import sentences
from models.downstream.qa.scores import char_f1, normalised
from models.errors import DataError
from models.inference.inputs import Inputs, predict
from models.tokens.tokenizer import TokenizerConfig, load, wrap
from models.tokens.tokenizer_training import train as train_tokenizer
from tasks.reading.source import Record
from tasks.sources.korquad import KorQuad

WORDS = ["하늘", "바다에서", "산을", "Moon", "ＡＢ", "강이", "㎞", "나무와", "3.5", "길"]
SHORT = QuestionAnswering(max_length=32, max_question=8, stride=64, max_answer=1000)


def sentencepiece(texts: list[str]) -> PreTrainedTokenizerFast:
    """A tokenizer like XLM-RoBERTa's: a space belongs to the token after it, two `</s>` part texts.

    Every other word is one piece, the rest is spelt.
    """
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words = sorted({f"▁{word}" for text in texts for word in unicodedata.normalize("NFKC", text).split()})
    letters = sorted({"▁", *"".join(words)})
    pieces = [(name, 0.0) for name in special] + [(word, -1.0) for word in words[::2]]
    core = Tokenizer(models.Unigram([*pieces, *((letter, -5.0) for letter in letters)], unk_id=3))
    core.add_special_tokens(special)
    core.normalizer = normalizers.NFKC()
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(name, core.token_to_id(name)) for name in ("<s>", "</s>")],
    )
    names = ("cls_token", "pad_token", "sep_token", "unk_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=core, **dict(zip(names, special, strict=True)))


@pytest.fixture(params=["wordpiece", "sentencepiece"])
def tokenizer(request: pytest.FixtureRequest, make_tokenizer: Callable) -> PreTrainedTokenizerBase:
    examples = QuestionAnswering().examples()
    texts = [*examples["context"], *examples["question"], " ".join(WORDS), *WORDS]
    return make_tokenizer(texts) if request.param == "wordpiece" else sentencepiece(texts)


def asked(context: str, *answers: tuple[int, str], question: str = "어디에?") -> pl.DataFrame:
    gold = [{"start": start, "text": text} for start, text in answers]
    row = {"id": "1", "title": "제목", "context": context, "question": question, "answers": gold}
    return pl.DataFrame([row], schema=QuestionAnswering().examples().schema)


def known(
    downstream: QuestionAnswering, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame
) -> pl.DataFrame:
    """Predictions from the outputs of a model that knows every answer."""
    features = downstream.encode(tokenizer, rows, labelled=True)
    return downstream.decode([downstream.oracle(feature) for feature in features], features, rows)


# ---- the published rule


def read_again(text: str) -> str:
    """The published normalisation, letter by letter."""
    kept = [
        " " if letter in ["'", '"', "《", "》", "<", ">", "〈", "〉", "(", ")", "‘", "’"] else letter
        for letter in text
    ]
    low = "".join(kept).lower()
    plain = [letter for letter in low if not (33 <= ord(letter) <= 126 and not letter.isalnum())]
    return " ".join(re.findall(r"\S+", "".join(plain)))


def f1_again(predicted: str, gold: str) -> float:
    """The published F1, from precision and recall."""
    first, second = (list(re.sub(r"\s", "", read_again(text))) for text in (predicted, gold))
    left, common = list(second), 0
    for letter in first:
        if letter in left:
            left.remove(letter)
            common += 1
    if not common:
        return 0.0
    precision, recall = common / len(first), common / len(second)
    return 2 * precision * recall / (precision + recall)


written = st.text(st.sampled_from("가나 ab AΣİß\"'()<>《》〈〉‘’“”.,-_~`|·。 \t\n1"), max_size=12) | st.text(
    max_size=12
)


@given(written, written)
def test_answers_are_compared_by_the_published_rule(predicted: str, gold: str) -> None:
    assert normalised(predicted) == read_again(predicted)
    assert char_f1(predicted, gold) == pytest.approx(f1_again(predicted, gold), abs=1e-12)


@pytest.mark.parametrize(
    ("predicted", "gold", "exact", "f1"),
    [
        ("《봄의 노래》", "봄의 노래", True, 1.0),
        ("봄(春)날", "봄 春 날", True, 1.0),
        ("a.B", "AB", True, 1.0),
        ("“봄”", "봄", False, 0.5),  # curly double quotes are not in the published list
        ("1989년2월", "1989년 2월", False, 1.0),
        ("강가에서", "강가", False, 2 / 3),
        ("가가나", "가나나", False, 2 / 3),
        ("산", "강", False, 0.0),
        ("《》", "()", True, 0.0),
    ],
)
def test_worth_of_an_answer(predicted: str, gold: str, exact: bool, f1: float) -> None:
    rows = asked("산", (0, "산")).with_columns(answers=pl.Series([[{"start": 0, "text": gold}]]))
    predictions = pl.DataFrame({"id": ["1"], "answer": [predicted]})
    found = QuestionAnswering().evaluate(rows, predictions)
    assert found == pytest.approx({"exact_match": float(exact), "char_f1": f1})


def test_of_several_gold_answers_the_best_counts() -> None:
    rows = asked("산 너머 강", (0, "산"), (2, "너머 강"))
    found = QuestionAnswering().evaluate(rows, pl.DataFrame({"id": ["1"], "answer": ["너머 강"]}))
    assert found == {"exact_match": 1.0, "char_f1": 1.0}


# ---- answers and windows


def test_an_answer_at_the_start_of_the_context_is_an_answer(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = asked("하늘 바다에서 산을", (0, "하늘"))
    (feature,) = SHORT.encode(tokenizer, rows, labelled=True)
    assert 0 < feature.answer[0] == feature.first <= feature.answer[1]
    assert known(SHORT, tokenizer, rows).row(0)[1:4] == ("하늘", 0, 2)


def test_an_answer_past_the_first_window_is_found(tokenizer: PreTrainedTokenizerBase) -> None:
    context = "하늘 바다에서 산을 강이 " * 20 + "Moon 나무와 길"
    rows = asked(context, (context.index("Moon"), "Moon"))
    features = SHORT.encode(tokenizer, rows, labelled=True)
    told = [feature.answer[0] > 0 for feature in features]
    assert len(told) > 4 and told[-1] and not any(told[:-2])
    assert {feature.answer[1] for feature, has in zip(features, told, strict=True) if not has} == {0}
    assert known(SHORT, tokenizer, rows)["answer"].to_list() == ["Moon"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_every_answer_that_ends_with_its_word_comes_back_exactly(
    tokenizer: PreTrainedTokenizerBase, data: st.DataObject
) -> None:
    words = data.draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=60))
    gaps = data.draw(
        st.lists(st.sampled_from([" ", "  ", "\n", " \t"]), min_size=len(words), max_size=len(words))
    )
    starts = np.cumsum([0] + [len(word) + len(gap) for word, gap in zip(words, gaps, strict=True)]).tolist()
    lead = data.draw(st.sampled_from(["", " ", "\n "]))
    context = lead + "".join(word + gap for word, gap in zip(words, gaps, strict=True))
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, min(first + 1, len(words) - 1)))
    start, end = len(lead) + starts[first], len(lead) + starts[last] + len(words[last])
    found = known(SHORT, tokenizer, asked(context, (start, context[start:end])))
    assert found.row(0)[1:4] == (context[start:end], start, end)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from("하늘바다 ＡB㎞ㄱ\u200b\t\n."), min_size=1, max_size=200), st.integers(1, 60))
def test_windows_hold_the_whole_context_and_never_too_much(
    tokenizer: PreTrainedTokenizerBase, context: str, repeats: int
) -> None:
    rows = asked(context, question="산을 " * repeats + "?")
    features = SHORT.encode(tokenizer, rows, labelled=False)
    whole = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
    wanted = {end for _, end in whole["offset_mapping"]}
    assert {int(end) for feature in features for _, end in feature.offsets} == wanted
    assert all(len(feature.input_ids) <= SHORT.max_length for feature in features)
    for before, after in pairwise(features):
        assert after.offsets[0, 0] <= before.offsets[-1, 1]


def test_windows_share_half_of_the_smallest_at_most(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = asked("하늘 바다에서 산을 " * 40, question="산을 " * 30)
    long = SHORT.encode(tokenizer, rows, labelled=False)
    few = SHORT.model_copy(update={"stride": 2}).encode(tokenizer, rows, labelled=False)
    special = tokenizer.num_special_tokens_to_add(pair=True)
    shared = [set(map(tuple, a.offsets)) & set(map(tuple, b.offsets)) for a, b in pairwise(long)]
    assert max(map(len, shared)) <= (32 - 8 - special) // 2 + 2  # tokens of one character share its place
    assert len(few) < len(long)


def test_the_longest_answer_counts_no_space_before_it(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = asked("하늘 바다에서 산을", (3, "바다에서"))
    found = [
        known(SHORT.model_copy(update={"max_answer": most}), tokenizer, rows)["answer"][0] for most in (4, 3)
    ]
    assert found[0] == "바다에서" and found[1] != found[0] and len(found[1]) <= 3


def test_an_answer_glued_to_a_particle_comes_back_with_it(make_tokenizer: Callable) -> None:
    tokenizer = make_tokenizer(["바다에서"] * 50)
    rows = asked("우리는 바다에서 놀았다", (4, "바다"))
    found = known(QuestionAnswering(), tokenizer, rows)
    assert found.row(0)[1:4] == ("바다에서", 4, 8)
    assert QuestionAnswering().evaluate(rows, found) == pytest.approx({"exact_match": 0.0, "char_f1": 2 / 3})


def test_space_at_either_end_of_a_gold_answer_loses_no_answer(tokenizer: PreTrainedTokenizerBase) -> None:
    context = " 하늘 바다에서 산을 길 "
    for answer, text in ((0, " 하늘"), "하늘"), ((context.index("길"), "길 "), "길"):
        found = known(SHORT, tokenizer, asked(context, answer))
        assert found["answer"].to_list() == [text]


def test_the_first_gold_answer_of_a_window_is_learnt(tokenizer: PreTrainedTokenizerBase) -> None:
    context = "길 " + "하늘 바다에서 산을 " * 20 + "Moon"
    rows = asked(context, (context.index("Moon"), "Moon"), (0, "길"))
    features = SHORT.encode(tokenizer, rows, labelled=True)
    taught = [
        context[slice(*feature.offsets[feature.answer[0] - feature.first])]
        for feature in features
        if feature.answer[0]
    ]
    assert taught[0][:1] == "길" and taught[-1][:1] == "M"


def test_a_context_without_a_token_has_an_empty_answer(make_tokenizer: Callable) -> None:
    tokenizer = make_tokenizer(["하늘"])
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("봄", "")
    rows = asked("봄", (0, "봄"))
    assert known(QuestionAnswering(), tokenizer, rows).row(0) == ("1", "", 0, 0, 0.0)


def test_batches_hold_places_and_no_padding(tokenizer: PreTrainedTokenizerBase) -> None:
    downstream = QuestionAnswering()
    inputs = Inputs(downstream, tokenizer, downstream.examples(), labelled=True)
    batch = inputs.batch(range(8))
    positions = ("start_positions", "end_positions")
    for name in positions:
        assert batch[name].shape == (8,)
        assert (batch["attention_mask"].gather(1, batch[name][:, None]) == 1).all()
    bare = Inputs(downstream, tokenizer, downstream.examples(), labelled=False).batch(range(8))
    assert not set(positions) & set(bare)
    model = from_scratch(
        downstream,
        tokenizer,
        ModelConfig(preset="bert", hidden_size=16, layers=1, heads=1),
        dropout=0.0,
        seed=1,
    )
    with torch.inference_mode():
        found, loss = downstream.outputs(model.eval(), batch)
    assert [item.shape for item in found] == [(len(item.input_ids), 2) for item in inputs.features]
    assert loss is not None and np.isfinite(loss)


# ---- the best piece


@given(st.data())
def test_the_best_piece_is_that_of_a_plain_search(data: st.DataObject) -> None:
    count, first, after = (data.draw(st.integers(0, most)) for most in (8, 3, 2))
    offsets = np.cumsum(
        data.draw(st.lists(st.integers(0, 4), min_size=2 * count, max_size=2 * count))
    ).reshape(-1, 2)
    if data.draw(st.booleans()):  # two tokens of one character have the same place
        offsets[1::2] = offsets[: 2 * (count // 2) : 2]
    values = st.lists(st.integers(-9, 9), min_size=2, max_size=2)
    total = first + count + after + 1
    logits = np.array(data.draw(st.lists(values, min_size=total, max_size=total)), dtype=np.float64)
    longest = data.draw(st.integers(1, 12))
    allowed = [
        (logits[first + i, 0] + logits[first + j, 1], i, j)
        for i in range(count)
        for j in range(i, count)
        if 0 < offsets[j, 1] - offsets[i, 0] <= longest
    ]
    score, start, end, chance = windows.best_span(logits, first, offsets.astype(np.int64), longest)
    if not allowed:
        assert (score, start, end, chance) == (-np.inf, 0, 0, 0.0)
        return
    best = max(item[0] for item in allowed)
    i, j = next((i, j) for value, i, j in allowed if value == best)
    shares = np.exp(logits) / np.exp(logits).sum(axis=0)
    assert (score, start, end) == (best, offsets[i, 0], offsets[j, 1])
    assert chance == pytest.approx(shares[first + i, 0] * shares[first + j, 1])


def test_the_best_piece_of_all_windows_is_the_answer(tokenizer: PreTrainedTokenizerBase) -> None:
    context = "하늘 바다에서 산을 강이 " * 20
    rows = asked(context, (0, "하늘"))
    features = SHORT.encode(tokenizer, rows, labelled=False)
    logits = [np.zeros((len(feature.input_ids), 2)) for feature in features]
    logits[0][0] = 50.0  # a window that is sure to have no answer does not stand in another's way
    logits[3][features[3].first + 1] = 5.0
    logits[1][features[1].first + 2] = 4.0
    found = SHORT.decode(logits, features, rows).row(0, named=True)
    start, end = features[3].offsets[1]
    assert (found["start"], found["end"]) == (start, end)
    assert 0 < found["probability"] < 1


# ---- rows and settings


def test_rows_that_fail_are_named_with_their_reason_and_the_others_kept() -> None:
    good = QuestionAnswering().examples().row(0, named=True)
    bad = [
        ("answers: not in the context at its start", {"answers": [{"start": 1, "text": "도서관은"}]}),
        ("answers: no answer", {"answers": []}),
        ("answers: missing", {"answers": None}),
        ("context: empty", {"context": " "}),
    ]
    rows = [good] + [good | {"id": str(number)} | change for number, (_, change) in enumerate(bad)]
    place = {"file": "a.json", "line": 1, "part": "", "group": ""}
    frame = pl.DataFrame(
        [row | place for row in rows], schema_overrides=QuestionAnswering().examples().schema
    )
    kept, quarantine = checked.check(frame, QuestionAnswering().schema())
    assert kept["id"].to_list() == [good["id"]]
    found = dict(
        zip(quarantine["id"], zip(quarantine["field"], quarantine["reason"], strict=True), strict=True)
    )
    assert {name: f"{field}: {reason}" for name, (field, reason) in found.items()} == {
        str(number): reason for number, (reason, _) in enumerate(bad)
    }


def test_a_length_without_room_for_the_context_is_refused() -> None:
    with pytest.raises(
        ValidationError, match=r"max_length 60 leaves no room .* raise max_length to 64 or lower"
    ):
        QuestionAnswering(max_length=60)


def test_rows_without_an_answer_that_can_be_given_are_refused() -> None:
    examples = QuestionAnswering().examples()
    QuestionAnswering().check(examples)
    with pytest.raises(DataError, match="no training rows: qa needs questions with answers"):
        QuestionAnswering().check(examples.clear())
    with pytest.raises(DataError, match="all 8 training answers are longer than max_answer, 3 characters"):
        QuestionAnswering(max_answer=3).check(examples)


def test_the_worst_answers_are_those_given_with_most_confidence() -> None:
    rows = QuestionAnswering().examples().with_columns(file=pl.lit("a.json"), line=pl.int_range(pl.len()))
    gold = [answers[0]["text"] for answers in rows["answers"]]
    predictions = rows.select("id").with_columns(
        answer=pl.Series([gold[0], "빵집", "사과", *gold[3:]]),
        probability=pl.Series([0.9, 0.2, 0.7] + [0.1] * 5),
    )
    worst = QuestionAnswering().details(rows, predictions)["worst"]
    assert [item["id"] for item in worst] == ["example-2", "example-1"]
    assert list(worst[0])[:3] == ["id", "file", "line"]
    assert worst[0]["gold"] == gold[2] and gold[2] in worst[0]["around"]
    assert worst[0]["predicted"] == "사과" and worst[0]["probability"] == 0.7


def test_a_trained_model_answers_rows_that_have_no_answers(make_tokenizer: Callable) -> None:
    downstream = QuestionAnswering()
    bare = downstream.examples().drop("answers", "title")
    tokenizer = make_tokenizer([*bare["context"], *bare["question"]])
    config = ModelConfig(hidden_size=16, layers=1, heads=1)
    model = from_scratch(downstream, tokenizer, config, dropout=0.0, seed=1)
    found, loss = predict(model, Inputs(downstream, tokenizer, bare, labelled=False))
    assert loss is None
    for context, (_, answer, start, end, chance) in zip(bare["context"], found.iter_rows(), strict=True):
        assert answer and context[start:end] == answer and 0 < chance < 1


# ---- the baseline


@given(st.text(st.sampled_from("가나 .!?\n\t3"), max_size=40))
def test_sentences_hold_all_that_is_written_in_order(text: str) -> None:
    found = list(sentences(text))
    assert "".join("".join(text[start:end].split()) for start, end in found) == "".join(text.split())
    assert all(text[start:end].strip() and "\n" not in text[start:end].strip() for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))


def test_sentences_end_before_white_space_only() -> None:
    text = "값은 3.5이다. 정말? 그렇다!\n끝"
    assert [text[start:end] for start, end in sentences(text)] == ["값은 3.5이다.", "정말?", "그렇다!", "끝"]


def test_the_baseline_shortens_its_answer_where_validation_rows_have_short_ones(tmp_path: Path) -> None:
    downstream = QuestionAnswering()
    whole = downstream.examples()
    # The rarest word that the question lacks: the places and things that the examples tell of only once.
    words = ["언덕", "다리", "사과를", "북을", "벚꽃이", "눈이", "창가에서", "저녁에"]
    short = whole.with_columns(
        answers=pl.Series(
            [
                [{"start": text.index(word), "text": word}]
                for text, word in zip(whole["context"], words, strict=True)
            ],
            dtype=whole["answers"].dtype,
        )
    )
    assert downstream.fit_baseline(whole, whole, seed=1).setting["words"] == 0
    baseline = downstream.fit_baseline(short, short, seed=1)
    assert baseline.setting["words"] == 1
    baseline.save(tmp_path)
    assert json.loads((tmp_path / "sentences.json").read_text())["words"] == 1
    found = downstream.load_baseline(tmp_path).predict(short)
    assert found.equals(baseline.predict(short))
    for context, (_, answer, start, end, _) in zip(short["context"], found.iter_rows(), strict=True):
        assert context[start:end] == answer and " " not in answer


# ---- published rows


@pytest.fixture(scope="module")
def published() -> pl.DataFrame:
    """Every question of KorQuAD, checked."""
    source = KorQuad(train="${HEADWATER_DATA}/qa/korquad/KorQuAD_v1.0_dev.json")
    found = [
        {**row.fields, "file": row.file, "line": row.line, "part": row.part, "group": row.group}
        for row in source.read()
        if isinstance(row, Record)
    ]
    kept, bad = checked.check(pl.DataFrame(found), QuestionAnswering().schema())
    assert bad.is_empty()
    return kept


def real_tokenizer(kind: str, rows: pl.DataFrame) -> PreTrainedTokenizerBase:
    if kind == "e5":
        folder = os.environ.get("HEADWATER_MODELS")
        if not folder:
            pytest.skip("HEADWATER_MODELS does not name the folder with the models")
        return load(f"{folder}/multilingual-e5-small-ko")
    texts = rows["context"].unique(maintain_order=True).to_list()
    return wrap(train_tokenizer(TokenizerConfig(vocabulary=8000), lambda: [texts]))


@pytest.mark.real
@pytest.mark.parametrize(
    ("kind", "max_length", "exact", "f1"), [("wordpiece", 128, 0.77, 0.97), ("e5", 384, 0.88, 0.98)]
)
def test_no_published_answer_is_lost_or_moved(
    published: pl.DataFrame, kind: str, max_length: int, exact: float, f1: float
) -> None:
    """What is not exact ends inside a token: a particle is glued to the answer's last word."""
    downstream = QuestionAnswering(max_length=max_length)
    features = downstream.encode(real_tokenizer(kind, published), published, labelled=True)
    found = downstream.decode([downstream.oracle(feature) for feature in features], features, published)
    gold = pl.DataFrame([answers[0] for answers in published["answers"]])
    starts, ends = gold["start"], gold["start"] + gold["text"].str.strip_chars_end().str.len_chars()
    assert (starts == 0).sum() == 241
    assert gold["text"].str.len_chars().to_numpy().max() < downstream.max_answer
    assert {feature.row for feature in features if feature.answer[0]} == set(range(5_774))
    assert ((found["start"] <= starts) & (found["end"] >= ends)).all()
    scores = downstream.evaluate(published, found)
    assert scores["exact_match"] >= exact and scores["char_f1"] >= f1


@pytest.mark.real
def test_published_answers_score_as_the_rule_read_again_says(published: pl.DataFrame) -> None:
    gold = [answers[0]["text"] for answers in published["answers"]]
    other = gold[1:] + gold[:1]
    near = [text[:-1] or text for text in gold]
    for answers in (gold, other, near):
        predictions = published.select("id").with_columns(answer=pl.Series(answers))
        found = QuestionAnswering().statistics(published, predictions)
        again = [
            (float(read_again(a) == read_again(b)), f1_again(a, b))
            for a, b in zip(answers, gold, strict=True)
        ]
        np.testing.assert_allclose(found[:, :2], again, atol=1e-12)
