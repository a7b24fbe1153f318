"""Findings in words: better only where the interval excludes 0, whichever way it falls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.reporting import words
from models.reporting.data import Gain, Interval, Reading, Verdict
from models.reporting.language.language import ENGLISH
from tests.support.sample_report import entry


def with_gains(*verdicts: Verdict, against: str = "scratch"):
    gains = tuple(
        Gain(
            mode="finetune", against=against, labels=labels, metric="accuracy",
            value=0.1, low=0.05, high=0.15, verdict=verdict,
        )
        for labels, verdict in zip((1000, 10000, 40000), verdicts, strict=True)
    )  # fmt: skip
    return entry().model_copy(update={"gains": gains})


@pytest.mark.parametrize(
    ("verdicts", "overall", "sentence"),
    [
        (
            ("better",) * 3,
            "better",
            "Transfer is better than scratch at every number of labels (1,000, 10,000 and 40,000).",
        ),
        (
            ("worse",) * 3,
            "worse",
            "Transfer is worse than scratch at every number of labels (1,000, 10,000 and 40,000).",
        ),
        (
            ("unclear",) * 3,
            "unclear",
            "Transfer is not shown to differ from scratch at every number of labels (1,000, 10,000 and 40,000).",
        ),
        (
            ("better", "unclear", "worse"),
            "unclear",
            "Transfer is better than scratch with 1,000 labels, not shown to differ from scratch with 10,000 labels "
            "and worse than scratch with 40,000 labels.",
        ),
        (
            ("better", "better", "unclear"),
            "unclear",
            "Transfer is better than scratch with 1,000 and 10,000 labels and not shown to differ from scratch "
            "with 40,000 labels.",
        ),
    ],
)
def test_a_finding_covers_every_number_of_labels(
    verdicts: tuple[Verdict, ...], overall: Verdict, sentence: str
) -> None:
    assert words.findings(with_gains(*verdicts)) == [(overall, sentence)]


def test_a_sentence_tells_both_comparisons_with_their_intervals() -> None:
    first, *_, last = words.sentences(entry())
    assert first.replace("\xa0", " ") == (
        "With 1,000 labels, transfer reaches 0.781 accuracy, scratch 0.711 and the baseline 0.774: transfer is better "
        "than scratch (difference 0.070, 95 % interval 0.067 to 0.073) and better than the baseline (difference "
        "0.007, 95 % interval 0.004 to 0.010)."
    )
    assert "but not shown to differ from the baseline (difference −0.003," in last


def test_the_leading_model_is_chosen_by_validation_never_by_test() -> None:
    base = entry()
    weak = base.scores[0].model_copy(
        update={"mode": "lora", "validation": 0.99, "metrics": base.scores[3].metrics}
    )
    both = base.model_copy(update={"scores": (*base.scores, weak)})
    leading = both.leading(1000)
    assert leading is not None and leading.mode == "lora"
    assert "transfer (lora) reaches" in words.sentences(both)[0]
    less = both.model_copy(update={"metrics": ("perplexity",), "lower_is_better": frozenset({"perplexity"})})
    leading = less.leading(1000)
    assert leading is not None and leading.mode == "finetune"


@given(st.floats(-0.02, 0.02), st.floats(1e-6, 0.02))
def test_a_bound_beside_0_never_reads_as_0(low: float, width: float) -> None:
    text = words.span(Interval(value=low, low=low, high=low + width)).replace("−", "-")
    for bound, shown in zip((low, low + width), text.split(" to "), strict=True):
        assert abs(bound) < 5e-7 or float(shown) * bound > 0


def test_bounds_that_are_0_to_six_places_read_like_others() -> None:
    assert words.span(Interval(value=1e-9, low=2e-12, high=3e-8)) == "0.000 to 0.000"


def test_names_are_spoken() -> None:
    assert [ENGLISH.spoken(name) for name in ("mrr_at_10", "macro_f1", "entity_f1", "zero_shot")] == [
        "MRR@10",
        "macro F1",
        "entity F1",
        "zero shot",
    ]
    assert (words.at(0), words.at(1), words.at(1000)) == (
        "with no labels",
        "with 1 label",
        "with 1,000 labels",
    )


@pytest.mark.parametrize(
    ("long", "lost", "windows", "said"),
    [
        (0, 0, 1, "All 200 test rows were read whole."),
        (20, 1, 1, "20 of 200 test rows (10.0 %) were too long and were cut: less than 0.1 % of all tokens"),
        (20, 0, 7, "20 of 200 test rows (10.0 %) were read in several windows, 7 at most."),
        (20, 500, 16, "in several windows, 16 at most; 5.0 % of all tokens were not read."),
    ],
)
def test_how_much_was_cut_is_said(long: int, lost: int, windows: int, said: str) -> None:
    score = entry().scores[0]
    read = Reading(rows=200, long=long, tokens=10_000, lost=lost, windows=windows)
    assert said in words.reading(score.model_copy(update={"reading": read}))
    assert words.reading(score) == ""
