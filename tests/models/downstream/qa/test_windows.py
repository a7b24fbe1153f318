"""A question with its context as model inputs."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from models.downstream.qa import windows
from tests.support.qa_rows import SHORT, asked, known


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
