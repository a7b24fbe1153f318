"""A downstream, a source and a metric from outside the tree: the very ones of docs/your-own-task.md."""

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import alone

PAGE = Path(__file__).parents[2] / "docs" / "your-own-task.md"
BLOCK = re.compile(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ALARMS, THINGS = ("fire", "smoke", "water", "gas"), ("chair", "lamp", "coffee", "printer")
PLACES = ("hall", "lift", "kitchen", "office", "garage", "attic")


def build(folder: Path) -> Path:
    """The folder of the page, with an inbox; its recipe."""
    for name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    draw = random.Random(1)
    lines = ["no mark at all"]
    for number in range(240):
        urgent = draw.random() < 0.3
        about = draw.choice(ALARMS if urgent else THINGS)
        lines.append(
            f"{'urgent' if urgent else 'normal'}|{about} in the {draw.choice(PLACES)} of house {number}"
        )
    (folder / "inbox.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def ran(headwater: Callable, recipe: Path):
    ended = headwater("run", recipe, "--set", "threads=1", "--json")
    assert ended.code == 0, ended.err
    return ended


def test_it_runs_to_scores_by_its_own_metric(ran) -> None:
    finetuned = next(item for item in ran.document["results"] if item["mode"] == "finetune")
    assert (finetuned["entry"], finetuned["metric"], finetuned["status"]) == ("urgent", "cost", "run")
    metrics = ran.step("score/urgent/baseline")["metrics"]
    assert metrics["test/cost_low"] <= metrics["test/cost"] <= metrics["test/cost_high"]
    assert metrics["test/f1"] > 0.8 and 0 <= metrics["test/f1_low"] <= metrics["test/f1_high"] <= 1
    assert ran.step("validate/urgent")["metrics"]["rows/quarantined"] == 1
    page = Path(ran.document["report"]).read_text(encoding="utf-8")
    assert page.index("cost") < page.index("f1")


def test_followed_word_for_word_it_ends_with_a_champion_and_a_run_without_one_says_so(
    ran, recipe: Path, headwater: Callable
) -> None:
    assert "of desk-urgent is the champion" in ran.err
    strict = ("--set", "name=strict", "--set", "downstreams.urgent.promote.leaked=0.1")
    ended = headwater("run", recipe, "--only", "promote", "--set", "threads=1", *strict)
    assert ended.code == 0, ended.err
    (line,) = (line for line in ended.out.splitlines() if line.startswith("strict-urgent has no champion: "))
    assert "rows stand in the corpus, and 'promote' allows 10.0%; `headwater promote strict-urgent " in line


def test_a_changed_line_changes_the_key_and_why_names_it(ran, recipe: Path, headwater: Callable) -> None:
    known = {step["key"] for step in ran.document["steps"]}
    path = recipe.parent / "tickets" / "words.py"
    before = path.read_text(encoding="utf-8")
    try:
        path.write_text("# Another comment.\n" + before, encoding="utf-8")
        same = headwater("plan", recipe, "--no-probe", "--set", "threads=1", "--json").document
        assert {step["status"] for step in same["steps"]} == {"hit"}
        path.write_text(before.replace("{3,}", "{4,}"), encoding="utf-8")
        planned = headwater("plan", recipe, "--no-probe", "--set", "threads=1", "--json").document
        changed = {step["name"] for step in planned["steps"] if step["key"] not in known}
        assert {"adapt/urgent/finetune", "adapt/urgent/baseline", "score/urgent/scratch"} <= changed
        assert not [name for name in changed if name.startswith(("ingest", "encode", "pretrain"))]
        told = headwater("why", recipe, "adapt/urgent/baseline", "--set", "threads=1").out
        assert "tickets/words.py" in told and r"\w{4,}" in told
    finally:
        path.write_text(before, encoding="utf-8")


def test_a_new_metric_that_nothing_is_chosen_by_trains_nothing(
    ran, recipe: Path, headwater: Callable
) -> None:
    more = ("--set", "downstreams.urgent.metrics=[{kind: tickets.cost, missed: 10}, tickets.calls]")
    (recipe.parent / "tickets" / "calls.py").write_text(
        "from models.interfaces.metric import Metric\n\n\nclass Calls(Metric):\n"
        "    def statistics(self, rows, predictions):\n        return predictions['urgent'].to_numpy()\n\n"
        "    def value(self, totals):\n        return totals[0]\n",
        encoding="utf-8",
    )
    planned = headwater("plan", recipe, "--no-probe", "--set", "threads=1", *more, "--json").document
    assert {step["step"] for step in planned["steps"] if step["status"] != "hit"} <= {
        "score",
        "promote",
        "report",
    }


def test_a_served_model_carries_a_copy_of_the_code(ran, home: Path, tmp_path: Path) -> None:
    from tasks.storage import artifacts

    before = os.environ.get("HEADWATER_HOME", "")
    os.environ["HEADWATER_HOME"] = str(home)
    try:
        run = ran.step("adapt/urgent/finetune")
        folder = artifacts.folder(run["run_id"], run["key"])
    finally:
        os.environ["HEADWATER_HOME"] = before
    ended = subprocess.run(
        [sys.executable, "-I", alone.__file__, str(folder)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    (answers,) = map(json.loads, ended.stdout.splitlines())
    assert len(answers) == 2 and all(set(answer) == {"urgent"} for answer in answers)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("downstreams.0.downstream=tickets.urgnt", "did you mean 'urgent'"),
        ("downstreams.0.downstream=tickts.urgent", "did you mean 'tickets'"),
        ("downstreams.0.downstream=tickets.inbox", "has no subclass of Downstream"),
        ("downstreams.0.downstream=tickets.broken", "broken.py, line 2: ZeroDivisionError"),
        ("downstreams.0.downstream=tickets.two", "tickets.two.One or tickets.two.Other"),
        ("downstreams.0.downstream=models.urgent", "give your folder another name"),
        ("downstreams.0.headline=costs", "unknown metric 'costs': did you mean 'cost'?"),
        ("downstreams.0.metrics=[tickets.cost, tickets.cost]", "two metrics are called 'cost'"),
        ("downstreams.0.modes=[tickets]", "unknown mode 'tickets'"),
    ],
)
def test_what_is_wrong_with_it_is_one_line(
    setting: str, said: str, tmp_path: Path, headwater: Callable
) -> None:
    recipe = build(tmp_path)
    (tmp_path / "tickets" / "broken.py").write_text("x = 1\ny = x / 0\n", encoding="utf-8")
    (tmp_path / "tickets" / "two.py").write_text(
        "from tickets.urgent import Urgent\n\n\nclass One(Urgent): ...\n\n\nclass Other(Urgent): ...\n",
        encoding="utf-8",
    )
    ended = headwater("plan", recipe, "--set", setting)
    assert ended.code == 2 and ended.err.count("\n") == 1, ended.err
    assert said in ended.err and "downstreams.0" in ended.err
