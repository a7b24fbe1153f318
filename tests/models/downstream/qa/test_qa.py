"""Question answering: where answers lie in windows, which piece of the context is the answer, and what it is worth."""

import os
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tokenizers import normalizers
from transformers import PreTrainedTokenizerBase

from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch
from models.downstream.qa import QuestionAnswering
from models.errors import DataError
from models.inference.inputs import Inputs, predict
from models.tokens.tokenizer import TokenizerConfig, load_tokenizer, wrap
from models.tokens.tokenizer_training import train as train_tokenizer
from tests.support.qa_rows import SHORT, WORDS, asked, known


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


def real_tokenizer(kind: str, rows: pl.DataFrame) -> PreTrainedTokenizerBase:
    if kind == "e5":
        folder = os.environ.get("HEADWATER_MODELS")
        if not folder:
            pytest.skip("HEADWATER_MODELS does not name the folder with the models")
        return load_tokenizer(f"{folder}/multilingual-e5-small-ko")
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
