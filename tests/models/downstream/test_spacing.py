"""Word spacing: no character is lost, whatever the text and the tokenizer, and a space may stand inside a token."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from models.data.comparison import composed
from models.downstream.spacing import Spacing

WHOLE, SHORT = Spacing(), Spacing(max_length=10)
LETTERS = "아버지가방에a B.㎏½ﬁ한똠\u200b\u0301🙂\t\u3000\x1c "
fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.text(st.one_of(st.sampled_from(LETTERS), st.characters(exclude_categories=["Cs"])), max_size=60)


@pytest.fixture
def tokenizer(make_tokenizer: Callable) -> PreTrainedTokenizerBase:
    return make_tokenizer([unspaced(text) for text in WHOLE.examples()["text"]] * 9)


def unspaced(text: str) -> str:
    return "".join(text.split())


def frame(*found: str) -> pl.DataFrame:
    return pl.DataFrame({"id": [str(number) for number in range(len(found))], "text": found})


def known(downstream: Spacing, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame) -> list[str]:
    """What a model that knows every space says."""
    features = downstream.encode(tokenizer, rows, labelled=True)
    assert all(len(feature.input_ids) <= downstream.max_length for feature in features)
    return downstream.decode([downstream.oracle(item) for item in features], features, rows)["text"].to_list()


@pytest.mark.parametrize("downstream", [WHOLE, SHORT], ids=["whole", "windows"])
@fixtures
@given(st.lists(texts, min_size=1, max_size=3))
def test_any_text_comes_back_with_single_spaces(
    tokenizer: PreTrainedTokenizerBase, downstream: Spacing, found: list[str]
) -> None:
    assert known(downstream, tokenizer, frame(*found)) == [" ".join(composed(text).split()) for text in found]


def test_the_model_never_sees_where_a_space_was(tokenizer: PreTrainedTokenizerBase) -> None:
    features = WHOLE.encode(tokenizer, frame("아버지가 방에", "아 버 지\t가방에 "), labelled=False)
    assert features[0].input_ids == features[1].input_ids
    assert np.array_equal(features[0].characters, features[1].characters)


def test_each_character_of_a_long_text_is_in_a_window(tokenizer: PreTrainedTokenizerBase) -> None:
    text = "여기서 멈출 수 없다 " * 30
    features = SHORT.encode(tokenizer, frame(text), labelled=False)
    assert len(features) > 3
    seen = {at for item in features for at in range(item.first, item.first + len(item.context))}
    assert seen == set(range(2 * len(unspaced(text)) - 1))


def test_f1_counts_spaces_and_whole_words() -> None:
    rows = frame("나는 집에 간다", "비가 온다")
    predictions = rows.with_columns(text=pl.Series(["나는 집 에간다", "비가온다"]))
    scores = WHOLE.evaluate(rows, predictions)
    assert scores == pytest.approx({"space_f1": 2 * 1 / (2 + 3)})
    (worst, other) = WHOLE.details(rows, predictions)["worst"]
    assert (worst["wrong"], worst["gold"], worst["predicted"]) == (2, "나는 집에 간다", "나는 집 에간다")
    assert other["wrong"] == 1


def test_the_baseline_goes_by_what_is_more_often_between_two_letters() -> None:
    rows = frame("나는 간다", "너는\t간다 ", "우는간다", "가다", "가 다")
    pairs = WHOLE.fit_baseline(rows, rows, seed=1)
    found = pairs.predict(frame("그는간다", "가다", "", "가"))["text"].to_list()
    assert found == ["그는 간다", "가다", "", "가"]


def test_the_baseline_knows_letters_in_any_case_and_width() -> None:
    train = frame("new year is near", "the year ends")
    baseline = WHOLE.fit_baseline(train, train, 1)
    for text in ("new year", "NEW YEAR", "ｎｅｗ ｙｅａｒ"):
        assert baseline.predict(frame(unspaced(text)))["text"].to_list() == [text]
