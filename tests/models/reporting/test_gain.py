"""The gain grid: what is computed from finished cells, and that words, tables and figures say the same."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bootstrap import Resampled
from models.downstream.classification import Classification
from models.reporting.gain import figures, tables
from models.reporting.gain.collect import grid
from models.reporting.gain.grid import Grid
from models.reporting.gain.saved import worths
from models.reporting.gain.scored import Scored
from models.reporting.gain.words import about, claims

CLASSES = ("neg", "pos")
ROWS = 200
RIGHT = {
    ("finetune", 10): 120,
    ("finetune", 100): 160,
    ("finetune", 1000): 180,
    ("scratch", 10): 100,
    ("scratch", 100): 140,
    ("scratch", 1000): 180,
    ("baseline", 10): 120,
    ("baseline", 100): 120,
    ("zero_shot", 0): 104,
    ("few_shot", 8): 150,
}
"""Of 200 rows, half of them of each class."""


def cell(
    folder: Path, mode: str, labels: int, seed: int, right: int, draws: int = 1, leaked: int = 0
) -> Scored:
    """The folders of one scored model, which answers the first `right` rows rightly; the first `leaked` leak."""
    home = folder / f"{mode}-{labels}-{seed}"
    home.mkdir()
    gold = ["neg", "pos"] * (ROWS // 2)
    rows = pl.DataFrame({"id": list(map(str, range(ROWS))), "label": gold})
    wrong = {"neg": "pos", "pos": "neg"}
    guesses = [label if number < right else wrong[label] for number, label in enumerate(gold)]
    downstream = Classification(classes=CLASSES)
    predictions = rows.select("id").with_columns(prediction=pl.Series(guesses))
    statistics = downstream.statistics(rows, predictions)
    np.save(home / "statistics.npy", statistics)
    if draws > 1:
        np.save(home / "draws.npy", np.stack([statistics] * draws))
    details = {"rows": ROWS, "chance": {"accuracy": 0.5}}
    if leaked:
        at = list(range(leaked))
        without = {"ids": list(map(str, at)), "at": at, "metrics": {"accuracy": {}}}
        details["without_leaks"] = without
    (home / "details.json").write_text(json.dumps(details))
    summary = {"mode": mode, "labels": labels, "seed": seed, "trainable_parameters": 10}
    (home / "summary.json").write_text(json.dumps(summary | {"rows": {"train": labels}}))
    (home / "dropped.json").write_text(json.dumps({"demonstrations": 2 if mode == "few_shot" else 0}))
    if mode in ("finetune", "scratch"):
        values = [right / ROWS - 0.1, right / ROWS, right / ROWS] if mode == "scratch" else [right / ROWS] * 3
        history = {"step": [0, 10, 20], "loss": [None, 1.0, 0.9], "eval_accuracy": values}
        pl.DataFrame(history).write_parquet(home / "history.parquet")
    return Scored(home, home, home, seconds=2.0 * seed, memory=1e8)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    folder = tmp_path_factory.mktemp("cells")
    made = [
        cell(folder, mode, labels, seed, right + seed - 1, draws=2 if mode == "few_shot" else 1)
        for (mode, labels), right in RIGHT.items()
        for seed in ((1,) if mode == "zero_shot" else (1, 3))
    ]
    names = {"name": "films", "upstream": "mlm", "inapplicable": ("one_shot",)}
    return grid(names, Classification(classes=CLASSES), made, resamples=500, seed=1)


def test_a_cell_is_the_mean_over_seeds_with_its_interval(whole: Grid) -> None:
    found = whole.cell("finetune", 10)
    assert found is not None and found.seeds == (1, 3)
    assert found.by_seed == (120 / ROWS, 122 / ROWS)
    score = found.metrics["accuracy"]
    assert score.value == pytest.approx(121 / ROWS) and score.low < score.value < score.high
    assert (found.seconds, found.memory) == (4.0, 1e8)
    asked = whole.cell("few_shot", 8)
    assert asked is not None and asked.dropped == 4


def test_differences_are_paired_on_rows_and_seeds(whole: Grid) -> None:
    best, even = whole.cell("finetune", 10), whole.cell("finetune", 1000)
    assert best is not None and even is not None
    assert best.against["scratch"].value == pytest.approx(0.1)
    assert best.against["scratch"].verdict == "better"
    # The same answers differ in no resample.
    assert even.against["scratch"].model_dump() == {"value": 0, "low": 0, "high": 0, "verdict": "unclear"}
    assert "baseline" not in even.against


def test_labels_saved_lie_on_the_curve_of_scratch(whole: Grid) -> None:
    worth = whole.worth("finetune", 10)
    assert worth is not None and worth.needed == pytest.approx(np.sqrt(1000))
    assert worth.low is not None and worth.high is not None and worth.low <= worth.needed <= worth.high
    least = whole.worth("zero_shot", 0)
    assert least is not None and least.least == 10 and least.most == 1000


def test_claims_agree_with_the_tables(whole: Grid) -> None:
    said = [sentence for _, sentence in claims(whole)]
    (row,) = [row for row in tables.worths(whole) if row["mode"] == "finetune" and row["labels"] == 10]
    assert f"10 labels with transfer are worth about {about(row['needed'])} without" in said[0]
    assert said[0].startswith("10 labels") and "difference 0.100" in said[0]
    (last,) = [item for item in claims(whole) if item[1].startswith("With 1,000 labels")]
    assert last[0] == "unclear" and "not shown to differ from scratch" in last[1]
    (chance,) = [item for item in claims(whole) if item[1].startswith("Zero shot")]
    assert chance[0] == "unclear" and "not shown to be better than always saying the commonest" in chance[1]
    (shown,) = [item for item in claims(whole) if item[1].startswith("Few shot")]
    assert shown[0] == "better"
    assert tables.document(whole)["claims"][0]["claim"] == said[0]


def test_what_scratch_never_reaches_is_said_to_be_more_than_it_was_given() -> None:
    drawn = {
        (mode, labels): Resampled({"m": value}, {"m": np.full(50, value)})
        for mode, labels, value in (("scratch", 8, 0.2), ("scratch", 64, 0.3), ("finetune", 8, 0.5))
    }
    (found,) = worths(drawn, "m")
    assert (found.needed, found.low, found.high, found.most) == (None, None, None, 64)


def test_where_less_is_better_the_curve_falls() -> None:
    values = {("scratch", 10): 50.0, ("scratch", 1000): 30.0, ("lora", 10): 40.0}
    drawn = {place: Resampled({"p": value}, {"p": np.full(20, value)}) for place, value in values.items()}
    (found,) = worths(drawn, "p", lower_is_better=True)
    assert found.needed == pytest.approx(100)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5), st.floats(0, 1))
def test_labels_needed_lie_between_the_least_and_the_most(scratch: list[float], own: float) -> None:
    values = {("scratch", 8 * 4**number): value for number, value in enumerate(scratch)}
    drawn = {
        place: Resampled({"m": value}, {"m": np.array([value])})
        for place, value in {**values, ("finetune", 8): own}.items()
    }
    (found,) = worths(drawn, "m")
    if own > max(scratch):
        assert found.needed is None
    else:
        assert found.needed is not None and found.least <= found.needed <= found.most * (1 + 1e-9)


def test_only_seeds_that_both_have_are_compared(tmp_path: Path) -> None:
    # Each seed's rows are as hard for both; by position the pairs would differ.
    right = {1: 100, 2: 130, 3: 160}
    made = [cell(tmp_path, "finetune", 8, seed, right[seed]) for seed in (2, 3)]
    made += [cell(tmp_path, "scratch", 8, seed, right[seed]) for seed in (1, 2)]
    made += [cell(tmp_path, "scratch", 32, 1, 150)]
    found = grid({"name": "films", "upstream": "mlm"}, Classification(classes=CLASSES), made, 200, 1)
    (best,) = [item for item in found.cells if item.mode == "finetune"]
    assert best.against["scratch"].model_dump() == {"value": 0, "low": 0, "high": 0, "verdict": "unclear"}


def test_where_a_bigger_draw_did_worse_no_label_is_said_to_be_saved(tmp_path: Path) -> None:
    made = [cell(tmp_path, "scratch", 8, 1, 150), cell(tmp_path, "scratch", 32, 1, 110)]
    made += [cell(tmp_path, "finetune", 32, 1, 140)]
    found = grid({"name": "films", "upstream": "mlm"}, Classification(classes=CLASSES), made, 500, 1)
    ((verdict, told),) = claims(found)
    assert verdict == "better" and told.startswith("With 32 labels, transfer is better than scratch")


def test_without_leaked_rows_the_score_has_an_interval_too(tmp_path: Path) -> None:
    made = [cell(tmp_path, "finetune", 8, seed, right, leaked=50) for seed, right in ((1, 100), (2, 110))]
    found = grid({"name": "films", "upstream": "mlm"}, Classification(classes=CLASSES), made, 500, 1)
    without = found.cells[0].without_leaks
    assert without is not None and without.value == pytest.approx((50 + 60) / 2 / 150)
    assert without.low < without.value < without.high
    assert found.leaked_rows == 50
    (row,) = tables.cells(found)
    assert row["low_without_leaks"] == without.low


def test_a_model_that_is_only_asked_has_a_grid_too(tmp_path: Path) -> None:
    made = [cell(tmp_path, "scratch", 8, 1, 110), cell(tmp_path, "scratch", 32, 1, 150)]
    made += [cell(tmp_path, "zero_shot", 0, 1, 140)]
    found = grid({"name": "films", "upstream": "mlm"}, Classification(classes=CLASSES), made, 200, 1)
    assert "worths" not in figures.drawn(found)
    ((verdict, told),) = claims(found)
    assert verdict == "better" and "scratch needs about 23 labels for that" in told


def test_steps_saved_are_counted_to_the_best_of_scratch(whole: Grid) -> None:
    (pace,) = [item for item in whole.paces if item.labels == 10]
    assert (pace.scratch, pace.steps, pace.reached, pace.seeds) == (10, 0, 2, 2)


def test_tables_for_programs_hold_nothing_of_the_machine(whole: Grid) -> None:
    document = tables.document(whole)
    assert not {"seconds", "memory"} & set(document["cells"][0])
    assert {row["metric"] for row in tables.scores(whole)} == {"accuracy", "macro_f1"}
    assert {"seconds", "memory_bytes", "trainable_parameters", "labels"} <= set(tables.cells(whole)[0])


def test_figures_are_the_same_bytes_for_the_same_grid(whole: Grid) -> None:
    drawn = figures.drawn(whole)
    assert set(drawn) == {"scores", "worths", "curves"}
    assert drawn == figures.drawn(whole)


@pytest.mark.parametrize(("labels", "shown"), [(8.4, "8"), (31.62, "32"), (1049, "1,000"), (12345, "12,000")])
def test_numbers_of_labels_are_not_told_more_exactly_than_they_are_known(labels: float, shown: str) -> None:
    assert about(labels) == shown
