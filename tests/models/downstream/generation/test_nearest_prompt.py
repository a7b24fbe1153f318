"""The baseline of generation."""

from pathlib import Path

import polars as pl

from models.downstream.generation import Generation
from models.downstream.generation.nearest_prompt import NearestPrompt
from tests.support.generation_rows import table


def test_the_baseline_answers_as_the_nearest_prompt_does(tmp_path: Path) -> None:
    train = Generation().examples()
    baseline = Generation().fit_baseline(train, train, seed=1)
    rows = table({"배가 너무 고파요": "?", "비가 많이 내려요": "?"})
    answers = baseline.predict(rows)
    assert answers["text"].to_list() == ["밥부터 드세요", "우산 챙기세요"]
    assert answers["nats"].null_count() == answers["tokens"].null_count() == 2
    assert "perplexity" not in Generation().evaluate(rows, answers)
    assert baseline.setting["ngrams"] in ([1, 3], [2, 4])
    baseline.save(tmp_path / "baseline")
    again = Generation().load_baseline(tmp_path / "baseline")
    assert {path.suffix for path in (tmp_path / "baseline").iterdir()} == {".parquet", ".json"}
    assert again.predict(rows).equals(answers)
    assert again.setting == baseline.setting


def test_ties_of_the_baseline_go_to_the_first_id() -> None:
    train = pl.DataFrame({"id": ["c", "a", "b"], "prompt": ["안녕"] * 3, "target": ["셋", "하나", "둘"]})
    answers = NearestPrompt(train, 1, 3).predict(table({"안녕": "?", "zzz": "?"}))
    assert answers["text"].to_list() == ["하나", "하나"]
    assert NearestPrompt(train, 1, 3).predict(train.clear()).is_empty()


def test_prompts_of_one_letter_are_prompts() -> None:
    train = pl.DataFrame({"id": ["a", "b"], "prompt": ["왜", "응"], "target": ["그냥", "그래"]})
    assert NearestPrompt(train, 2, 4).predict(table({"응": "?"}))["text"].to_list() == ["그래"]
