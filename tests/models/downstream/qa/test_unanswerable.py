"""Questions without an answer: when a model says so, and what that is worth."""

import collections
import re
import string
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from transformers import PreTrainedTokenizerBase

from models.data import schemas as checked
from models.downstream.qa import QuestionAnswering
from models.downstream.qa.abstaining import probability, threshold
from models.errors import DataError
from tests.support.qa_rows import SHORT, asked, known

BOTH = QuestionAnswering(unanswerable=True)
ENGLISH = QuestionAnswering(unanswerable=True, rule="squad")


def official(golds: dict[str, list[str]], predicted: dict[str, str]) -> dict[str, float]:
    """SQuAD 2.0's evaluate-v2.0.py, from its description, without its search for a threshold."""

    def normalise(text: str) -> str:
        kept = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())

    def f1(gold: str, answer: str) -> float:
        first, second = normalise(gold).split(), normalise(answer).split()
        if not first or not second:
            return float(first == second)
        same = sum((collections.Counter(first) & collections.Counter(second)).values())
        precision, recall = same / len(second), same / len(first)
        return 2 * precision * recall / (precision + recall) if same else 0.0

    exact = {
        name: max(float(normalise(gold) == normalise(predicted[name])) for gold in texts or [""])
        for name, texts in golds.items()
    }
    scores = {name: max(f1(gold, predicted[name]) for gold in texts or [""]) for name, texts in golds.items()}
    has = [name for name, texts in golds.items() if texts]
    groups = {"": list(golds), "/has_answer": has, "/no_answer": [name for name in golds if name not in has]}
    return {
        f"{metric}{group}": float(np.mean([values[name] for name in names]))
        for metric, values in (("exact_match", exact), ("word_f1", scores))
        for group, names in groups.items()
    }


def test_scores_are_those_of_squad_2() -> None:
    golds = {
        "right": ["the Normans", "Normans"],
        "article": ["a river"],
        "half": ["in the tenth century"],
        "wrong": ["Rollo"],
        "withheld": ["France"],
        "rightly none": [],
        "invented": [],
    }
    predicted = {
        "right": "Normans",
        "article": "The river!",
        "half": "tenth century AD",
        "wrong": "Charles",
        "withheld": "",
        "rightly none": "",
        "invented": "1066",
    }
    empty = asked("x", (0, "x")).schema["answers"]
    rows = pl.DataFrame(
        {
            "id": list(golds),
            "answers": [[{"start": 0, "text": text} for text in item] for item in golds.values()],
        },
        schema_overrides={"answers": empty},
    )
    frame = pl.DataFrame({"id": list(golds), "answer": [predicted[name] for name in golds]})
    found = ENGLISH.evaluate(rows, frame)
    assert found == pytest.approx(official(golds, predicted))
    assert found["exact_match"] == pytest.approx(3 / 7) and found["word_f1/no_answer"] == 0.5
    assert ENGLISH.headline == "word_f1" and BOTH.headline == "char_f1"
    assert set(BOTH.evaluate(rows, frame)) == {name.replace("word_f1", "char_f1") for name in found}


def test_a_kind_of_question_that_is_not_there_has_no_score() -> None:
    found = BOTH.evaluate(asked("산", (0, "산")), pl.DataFrame({"id": ["1"], "answer": ["산"]}))
    assert found["exact_match/has_answer"] == 1.0 and np.isnan(found["exact_match/no_answer"])


def test_rows_without_an_answer_are_kept_where_there_may_be_such() -> None:
    rows = BOTH.examples().with_columns(file=pl.lit("a"), line=pl.lit(1), part=pl.lit(""), group=pl.lit(""))
    assert (rows["answers"].list.len() == 0).sum() == 4
    kept, bad = checked.check(rows, BOTH.schema())
    assert kept.height == rows.height and bad.is_empty()
    kept, bad = checked.check(rows, QuestionAnswering().schema())
    assert kept.height == 8 and set(bad["reason"]) == {"no answer, for which there is 'unanswerable: true'"}
    BOTH.check(rows)
    with pytest.raises(DataError, match="none of the 4 training rows has an answer"):
        BOTH.check(rows.filter(pl.col("answers").list.len() == 0))


def test_a_threshold_without_unanswerable_questions_is_refused() -> None:
    with pytest.raises(ValidationError, match="set unanswerable: true"):
        QuestionAnswering(no_answer_threshold=1.0)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4), st.booleans()), min_size=1, max_size=12))
def test_no_other_threshold_is_worth_more(rows: list[tuple[int, int, bool]]) -> None:
    margins = np.array([float(margin) for margin, _, _ in rows])
    answered = np.array([worth / 4 for _, worth, _ in rows])
    abstained = np.array([float(none) for _, _, none in rows])

    def worth(cut: float) -> float:
        return float(np.where(margins > cut, abstained, answered).sum())

    chosen = threshold(margins, answered, abstained)
    tried = {cut: worth(cut) for cut in np.arange(-4, 5, 0.5).tolist()}
    assert worth(chosen) == pytest.approx(max(tried.values()))
    assert chosen == 0.0 or worth(0.0) < worth(chosen)
    assert ((probability(margins, chosen) > 0.5) == (margins > chosen)).all()


def test_a_threshold_takes_no_notice_of_texts_without_a_token() -> None:
    assert threshold(np.array([np.inf]), np.array([1.0]), np.array([0.0])) == 0.0
    assert threshold(np.array([2.0, np.inf]), np.array([1.0, 0.0]), np.array([0.0, 1.0])) > 2.0


def test_the_answer_of_one_window_stands_though_others_have_none(tokenizer: PreTrainedTokenizerBase) -> None:
    context = "하늘 바다에서 산을 강이 " * 20
    short = SHORT.model_copy(update={"unanswerable": True})
    (found,) = known(short, tokenizer, asked(context, (context.rindex("산을"), "산을"))).to_dicts()
    assert found["answer"] == "산을" and found["no_answer_probability"] < 0.01
    (found,) = known(short, tokenizer, asked(context)).to_dicts()
    assert (found["answer"], found["start"], found["end"]) == ("", 0, 0)
    assert found["no_answer_probability"] == found["probability"] > 0.99
    told = short.answer(found)
    assert told["no_answer"] is True and told["answer"] == "" and told["start"] is None


def test_a_model_that_leans_to_no_answer_is_set_right_by_validation_rows(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    rows = BOTH.examples()
    features = BOTH.encode(tokenizer, rows, labelled=True)
    outputs = [BOTH.oracle(feature) for feature in features]
    for logits in outputs:
        logits[0] += 12.0
    leaning = BOTH.evaluate(rows, BOTH.decode(outputs, features, rows))
    assert leaning["exact_match/has_answer"] == 0.0 and leaning["exact_match/no_answer"] == 1.0
    right = BOTH.tuned_on(rows, lambda own: own.decode(outputs, features, rows))
    assert 4.0 <= (right.no_answer_threshold or 0) < 44.0
    assert right.evaluate(rows, right.decode(outputs, features, rows))["exact_match"] == 1.0
    kept = QuestionAnswering.model_validate_json(right.model_dump_json())
    assert kept.tuned_on(rows, lambda _: pytest.fail("what is chosen stays")) == right
    plain = QuestionAnswering()
    assert plain.tuned_on(rows, lambda _: pytest.fail("there is nothing to choose")) == plain


def test_the_baseline_gives_no_answer_where_nothing_fits(tmp_path: Path) -> None:
    rows = BOTH.examples()
    baseline = BOTH.fit_baseline(rows, rows, seed=1)
    baseline.save(tmp_path)
    found = BOTH.load_baseline(tmp_path).predict(rows)
    assert found.equals(baseline.predict(rows)) and "no_answer_threshold" in baseline.setting
    assert (found["answer"] == "").to_list() == (rows["answers"].list.len() == 0).to_list()
    only = rows.filter(pl.col("answers").list.len() > 0)
    assert (BOTH.fit_baseline(only, only, seed=1).predict(only)["answer"] != "").all()


def test_details_tell_answers_from_none(make_tokenizer: Callable) -> None:
    rows = BOTH.examples()
    gold = [answers[0]["text"] if answers else "" for answers in rows["answers"].to_list()]
    invented = ["도서관" if number == 1 else "" if number == 0 else text for number, text in enumerate(gold)]
    predictions = rows.select("id").with_columns(answer=pl.Series(invented), probability=pl.lit(0.5))
    details = BOTH.details(rows, predictions)
    assert details["confusion"]["counts"] == [[7, 1], [1, 3]]
    assert {(item["gold"], item["predicted"]) for item in details["worst"]} == {(gold[0], ""), ("", "도서관")}
    assert "confusion" not in QuestionAnswering().details(rows[:1], predictions[:1])
