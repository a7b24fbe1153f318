"""Answers are compared by the published rule."""

import re
from unicodedata import normalize

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.comparison import normal_form
from models.downstream.qa import QuestionAnswering
from models.downstream.qa.scores import f1, normalised
from tests.support.qa_rows import asked


def read_again(text: str) -> str:
    """The published normalisation, letter by letter."""
    kept = [
        " " if letter in ["'", '"', "《", "》", "<", ">", "〈", "〉", "(", ")", "‘", "’"] else letter
        for letter in text
    ]
    low = "".join(kept).casefold()
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
    predicted_form, gold_form = normal_form(predicted), normal_form(gold)
    assert normalised(predicted) == read_again(predicted_form)
    assert f1(predicted, gold) == pytest.approx(f1_again(predicted_form, gold_form), abs=1e-12)


def test_an_answer_in_another_unicode_form_is_the_same() -> None:
    assert f1(normalize("NFD", "１９８９년 봄"), "1989년 봄") == 1.0


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
