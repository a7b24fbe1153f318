"""Long texts: cut, or read whole in windows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from models.adapted.predicting import predictions
from models.downstream.classification import Classification
from models.targets.reading import Reader, Reading, counts
from models.transfer.finetune import Finetune
from tests.support.reviews import BAD, GOOD, THINGS, silent


def late(count: int, seed: int) -> pl.DataFrame:
    """Texts of 30 to 40 words, the last of which tells the label."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        words = list(generator.choice(THINGS, size=generator.integers(30, 41)))
        words.append(str(generator.choice((BAD, GOOD)[number % 2])))
        rows.append({"id": f"{seed}-{number}", "text": " ".join(words), "label": str(number % 2)})
    return pl.DataFrame(rows)


def inner(reading: Reading, tokenizer: Any) -> list[list[int]]:
    special = set(tokenizer.all_special_ids)
    return [[number for number in window.input_ids if number not in special] for window in reading.windows]


def test_windows_hold_all_of_a_text_and_overlap(review_tokenizer) -> None:
    texts = ["좋은 영화", *late(4, 1)["text"]]
    read = Reader(review_tokenizer, max_length=14, windows=16, stride=4)([texts])
    for text, reading in zip(texts, read, strict=True):
        whole = review_tokenizer(text, add_special_tokens=False)["input_ids"]
        windows = inner(reading, review_tokenizer)
        joined = [*windows[0], *(number for window in windows[1:] for number in window[4:])]
        assert joined == whole and reading.lost == 0
        assert all(len(window.input_ids) <= 14 for window in reading.windows)
    assert len(read[0].windows) == 1 < len(read[1].windows)
    few = Reader(review_tokenizer, max_length=14, windows=2, stride=4)([texts])
    for some, every in zip(few, read, strict=True):
        held = sum(map(len, inner(some, review_tokenizer))) - 4 * (len(some.windows) - 1)
        assert some.lost == every.tokens - 2 - held
    assert counts(few) | {"tokens": 0, "lost": 0} == {
        "rows": 5,
        "long": 4,
        "tokens": 0,
        "lost": 0,
        "windows": 2,
    }


def test_what_is_cut_is_what_the_tokenizer_cuts(review_tokenizer) -> None:
    first, second = late(6, 1)["text"].to_list(), ["좋은 영화", *late(5, 2)["text"]]
    for texts in ([first], [first, second]):
        read = Reader(review_tokenizer, max_length=20, windows=1, stride=0)(texts)
        cut = review_tokenizer(*texts, truncation=True, max_length=20)["input_ids"]
        whole = review_tokenizer(*texts)["input_ids"]
        assert [reading.input_ids for reading in read] == cut
        assert [reading.lost for reading in read] == [
            len(a) - len(b) for a, b in zip(whole, cut, strict=True)
        ]


def test_of_two_texts_the_shorter_stands_in_every_window(review_tokenizer) -> None:
    short, long = "좋은 영화", late(1, 1)["text"][0]
    tokens = [review_tokenizer(text, add_special_tokens=False)["input_ids"] for text in (short, long)]
    for texts in ([[short], [long]], [[long], [short]]):
        (reading,) = Reader(review_tokenizer, max_length=24, windows=16, stride=4)(texts)
        assert len(reading.windows) > 2 and reading.lost == 0
        for ids in inner(reading, review_tokenizer):
            assert (ids[: len(tokens[0])] if texts[0][0] == short else ids[-len(tokens[0]) :]) == tokens[0]
        assert {number for ids in inner(reading, review_tokenizer) for number in ids} >= set(tokens[1])
    (both,) = Reader(review_tokenizer, max_length=24, windows=2, stride=4)([[long], [long]])
    assert both.lost > 0


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_a_text_whose_class_stands_at_its_end_is_read_by_windows_alone(
    make_problem, tmp_path: Path, pooling: str
) -> None:
    def accuracy(way: Any, long: str) -> float:
        settings = {"max_length": 16, "stride": 4, "long": long, "window_pooling": pooling}
        downstream = Classification.model_validate(
            {"kind": "classification", "classes": ("0", "1"), **settings}
        )
        folder = tmp_path / way.kind / long
        problem = replace(
            make_problem(folder), downstream=downstream, train=late(160, 1), validation=late(40, 2)
        )
        tuned = way.carry(problem, silent)
        tuned.tokenizer.save_pretrained(tuned.model)
        predictor = way.load(tuned.model.parent, downstream, "cpu")
        (found,) = predictions(predictor, downstream, late(100, 3))
        several = predictor.reading["windows"] > 1
        assert several is (long == "windows") and (predictor.reading["lost"] > 0) is (long == "cut")
        return downstream.evaluate(late(100, 3), found)["accuracy"]

    quick = {
        "learning_rates": (1e-2,),
        "min_steps": 60,
        "batch_size": 16,
        "evaluations": 3,
        "word_dropout": 0.0,
    }
    assert accuracy(Finetune(train_embeddings=(True,), **quick), "windows") > 0.9
    assert accuracy(Finetune(train_embeddings=(True,), **quick), "cut") < 0.7
