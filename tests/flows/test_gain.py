"""The gain grid on real components: every mode of two downstreams, killed in its middle and taken up again."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.recipe import yaml_text
from models.downstream.classification import Classification
from models.modes import fitting
from tests.support.recipes import SMALL, write

PROJECT = Path(__file__).parents[2]
SAME = ("grid.csv", "grid.json", "labels_saved.csv", "steps_saved.csv")
"""Files that do not depend on how long things took."""


SIZES = (8, 32)
"""Numbers of labels that modes learn from."""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Two models are in the making at once, and the kill meets both.
    whole: dict[str, Any] = deepcopy(SMALL) | {"name": "grid", "threads": 2}
    whole["corpus"]["sources"][0]["documents"] = 1300  # nothing is shared with the runs of other tests
    whole["upstreams"][0]["model"]["max_positions"] = 128
    rows = {"documents": 300, "train": 210, "validation": 30, "test": 60}
    whole["downstreams"] = [
        {
            "downstream": {"kind": kind, "max_length": 64},
            "data": [{"kind": "demo", "view": kind, **rows}],
            "quarantine": 0.3,
            "labels": [16],
            "modes": ["finetune", "scratch"],
            "finetune": SMALL["downstreams"][0]["finetune"] | {"evaluations": 2},
            "in_context": {"shots": 4, "draws": 2},
        }
        for kind in ("classification", "ner")
    ]
    whole["gain"] = {"sizes": [0, 1, *SIZES], "seeds": [1, 2], "search": False}
    return write(tmp_path_factory.mktemp("grid"), whole)


@pytest.fixture(scope="module")
def whole(headwater: Callable, recipe: Path):
    ended = headwater("run", recipe, "--json")
    assert ended.code == 0, ended.err
    return ended


def page(ended: Any) -> Path:
    return Path(ended.document["report"]).parent


def test_every_mode_that_means_something_is_scored_and_others_are_said_not_to(
    whole,
) -> None:
    grids = json.loads((page(whole) / "grid.json").read_text(encoding="utf-8"))
    cells = {(cell["mode"], cell["labels"]): cell for cell in grids["classification"]["cells"]}
    learning = [mode for mode in fitting(Classification(), False) if not mode.endswith("_shot")]
    expected = {(mode, labels) for mode in learning for labels in SIZES}
    assert set(cells) == expected | {("zero_shot", 0), ("one_shot", 1), ("few_shot", 4)}
    assert {tuple(cell["seeds"]) for place, cell in cells.items() if place != ("zero_shot", 0)} == {(1, 2)}
    assert cells["linear_probe", 8]["trainable_parameters"] < cells["finetune", 8]["trainable_parameters"]
    for cell in cells.values():
        score = cell["metrics"]["accuracy"]
        assert score["low"] <= score["value"] <= score["high"]
    assert grids["ner"]["inapplicable"] == ["hybrid", "contrastive", "prompt_tuning", "zero_shot"]
    html = (page(whole) / "index.html").read_text(encoding="utf-8")
    assert "not applicable" in html and "not above chance" in html
    assert all(claim["claim"].split(" (")[0].split(":")[0] in html for claim in grids["ner"]["claims"])


def test_what_each_cell_took_is_that_of_its_run_in_mlflow(whole, home: Path) -> None:
    with (page(whole) / "modes.csv").open(encoding="utf-8") as file:
        header, *rows = (line.rstrip("\n").split(",") for line in file)
    memory = [float(row[header.index("memory_bytes")]) for row in rows]
    assert min(memory) > 1e8
    with sqlite3.connect(home / "mlflow.db") as database:
        logged = {
            value
            for (value,) in database.execute(
                "select value from latest_metrics where key = 'memory/peak_bytes'"
            )
        }
    assert set(memory) <= logged


def test_a_prediction_by_demonstrations_is_traced_with_every_draw(
    whole, headwater_here: Callable, home: Path
) -> None:
    step = next(step for step in whole.document["steps"] if step["name"] == "predict/classification/few_shot")
    folder = next((home / "artifacts").glob(f"*/{step['run_id']}/artifacts"))
    row = pl.read_parquet(folder / "predictions.parquet")["id"][0]
    traced = headwater_here("trace", step["run_id"], row, "--json").document
    assert [set(draw) for draw in traced["prediction"]["draws"]] == [{"prediction", "probabilities"}] * 2


@pytest.fixture(scope="module")
def few(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the same grid."""
    less, *_ = yaml_text.parse(recipe.read_text(encoding="utf-8"))
    less["gain"] |= {"entries": ["classification"], "modes": ["finetune", "few_shot", "scratch", "baseline"]}
    return write(tmp_path_factory.mktemp("few"), {**less, "downstreams": less["downstreams"][:1]})


def scored(home: Path) -> int:
    """Cells that have been scored so far."""
    if not (home / "mlflow.db").is_file():
        return 0
    with sqlite3.connect(f"file:{home / 'mlflow.db'}?mode=ro", uri=True) as database:
        try:
            (count,) = database.execute(
                "select count(*) from runs join tags using (run_uuid) where tags.key = 'headwater.step' "
                "and tags.value = 'score' and status = 'FINISHED'"
            ).fetchone()
        except sqlite3.OperationalError:  # the tables are being made
            return 0
    return count


def test_killed_in_its_middle_and_taken_up_again_it_ends_in_the_same_tables(
    whole, headwater: Callable, few: Path, prefect_server: str, tmp_path: Path
) -> None:
    undisturbed = headwater("run", few, "--json")
    assert {step["status"] for step in undisturbed.document["steps"] if step["step"] != "report"} == {"hit"}
    own = {"HEADWATER_HOME": str(tmp_path), "PREFECT_API_URL": prefect_server}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run", str(few)],
        env=os.environ | own,
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 600  # a bound for a hung command, not an expectation
    while scored(tmp_path) < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    assert process.poll() is None, "it ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = scored(tmp_path)
    again = headwater("run", few, "--json", **own)
    assert again.code == 0, again.err
    steps = [step for step in again.document["steps"] if step["step"] == "score"]
    assert sum(step["status"] == "hit" for step in steps) == before >= 5
    assert any(step["status"] == "run" for step in steps)
    for name in SAME:
        assert (page(again) / name).read_bytes() == (page(undisturbed) / name).read_bytes(), name
