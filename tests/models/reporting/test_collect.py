"""From files of steps to the parts of a report."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from models.config import PLUMBING, Config
from models.reporting import collect


class Inner(Config):
    rates: tuple[float, ...] = (0.001, 0.01)
    path: str | None = None


class Outer(Config):
    tokens: int = 40_000_000
    fast: bool = True
    inner: Inner = Inner()
    workers: int = Field(default=2, json_schema_extra=PLUMBING)


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 5000), min_size=1, max_size=60))
def test_every_text_is_in_the_histogram_once(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    path = tmp_path_factory.mktemp("lengths") / "train.parquet"
    frame = {
        "id": list(map(str, range(len(sizes)))),
        "text": ["가" * size for size in sizes],
        "file": ["f"] * len(sizes),
    }
    pl.DataFrame(frame).write_parquet(path)
    found = collect.lengths(path)
    assert found is not None
    assert sum(found.counts) == len(sizes) and found.longest == max(sizes)
    assert len(found.edges) == len(found.counts) + 1 and list(found.edges) == sorted(set(found.edges))


def test_all_texts_of_a_row_count_and_its_label_does_not(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"id": ["1"], "text_a": ["강물은"], "text_b": ["흐른다네"], "label": ["contradiction"]}
    )
    frame.write_parquet(tmp_path / "train.parquet")
    found = collect.lengths(tmp_path / "train.parquet")
    assert found is not None and found.longest == 7


def test_without_rows_or_without_texts_there_is_no_histogram(tmp_path: Path) -> None:
    pl.DataFrame(schema={"id": pl.String, "text": pl.String}).write_parquet(tmp_path / "none.parquet")
    pl.DataFrame({"id": ["1"], "score": [0.5]}).write_parquet(tmp_path / "numbers.parquet")
    assert collect.lengths(tmp_path / "none.parquet") is None
    assert collect.lengths(tmp_path / "numbers.parquet") is None


def test_a_long_curve_is_thinned_but_keeps_every_evaluation(tmp_path: Path) -> None:
    steps = list(range(1, 10_001))
    frame = {
        "step": steps,
        "tokens": steps,
        "train_loss": [1.0] * 10_000,
        "eval_loss": [2.0 if n % 333 == 0 else None for n in steps],
    }
    pl.DataFrame(frame).write_parquet(tmp_path / "history.parquet")
    points = collect.history(tmp_path / "history.parquet")
    assert sum(point.eval_loss is not None for point in points) == 10_000 // 333
    assert len(points) < 1100
    assert collect.history(tmp_path / "nothing.parquet") == ()


def test_settings_are_those_that_change_results() -> None:
    assert collect.settings(Outer()) == {"tokens": "40,000,000", "fast": "yes", "inner.rates": "0.001, 0.01"}


def test_labels_are_counted_by_part_the_commonest_first(tmp_path: Path) -> None:
    for part, several in {"train": [["a"], ["b", "a"], []], "validation": [["a"]], "test": [["b"]]}.items():
        rows = pl.DataFrame({"labels": several}, schema={"labels": pl.List(pl.String)})
        rows.with_columns(part=pl.lit(part)).write_parquet(tmp_path / f"{part}.parquet")
    assert collect.labels(tmp_path, None) == {}
    assert list(collect.labels(tmp_path, "labels").items()) == [
        ("a", {"train": 2, "validation": 1, "test": 0}),
        ("b", {"train": 1, "validation": 0, "test": 1}),
    ]
