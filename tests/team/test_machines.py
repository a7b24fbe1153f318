"""Machines of a team share what each has made: MLflow on PostgreSQL and S3, Prefect on PostgreSQL."""

import json
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flows.commands.processes import answers
from tests.support import recipes
from tests.support.machines import Machine, finished, kill, objects
from tests.support.team import BUCKET, Team
from tests.support.up import Up
from tests.support.waiting import until

pytestmark = pytest.mark.slow


def test_another_machine_finds_everything(first: dict[str, Any], machine: Machine, recipe: Path) -> None:
    assert {step["status"] for step in first["steps"]} == {"run"}
    again = machine.runs(recipe)
    assert {step["status"] for step in again["steps"]} == {"hit"}
    planned = json.loads(machine.does("plan", recipe, "--json"))
    assert {step["status"] for step in planned["steps"]} == {"hit"}
    predicting = next(step["run_id"] for step in first["steps"] if step["step"] == "predict")
    answer = json.loads(machine.does("predict", "small-classification@champion", "참 좋은 영화"))
    assert answer["label"] in ("긍정", "부정")
    table = f"{machine.team.mlflow}/get-artifact?path=predictions.json&run_uuid={predicting}"
    with urllib.request.urlopen(table, timeout=60) as shown:
        row = json.loads(shown.read())["data"][0][0]
    assert "demo" in machine.does("trace", predicting, row)
    machine.does("compare", first["run_id"], again["run_id"])
    machine.does("promote", "small-classification", "1")
    assert "Copies of artifacts from a store elsewhere take" in machine.does("clean")


def test_four_runs_on_two_machines_make_each_key_once(
    first: dict[str, Any], team: Team, tmp_path: Path, recipe: Path
) -> None:
    before = Counter(finished(team))
    homes = [Machine(team, tmp_path / name) for name in "ab"]
    arguments = ("run", recipe, "--set", "seed=7", "--only", "tokenizer,split", "--json")
    started = [home.start(*arguments) for home in homes for _ in range(2)]
    ended = [process.communicate(timeout=900) for process in started]
    for process, (_, err) in zip(started, ended, strict=True):
        assert process.returncode == 0, err
    documents = [json.loads(out) for out, _ in ended]
    assert {step["status"] for item in documents for step in item["steps"]} == {"hit", "run"}
    made = Counter(finished(team)) - before
    assert made and set(made.values()) == {1}


def test_a_run_that_was_killed_is_gone_on_with_on_another_machine(
    team: Team, tmp_path: Path, machine: Machine
) -> None:
    recipe = dict(recipes.SMALL)
    upstream = recipe["upstreams"][0]
    train = upstream["train"] | {"tokens": 600_000, "checkpoint_seconds": 1}
    path = recipes.write(tmp_path, recipe | {"upstreams": [upstream | {"train": train}]})
    shared = {"HEADWATER_WORK": f"s3://{BUCKET}/work", **team.with_s3()}
    lost, other = (Machine(team, tmp_path / name, shared) for name in ("lost", "other"))
    running = lost.start("run", path, "--only", "pretrain", "--json")
    until(lambda: any(name.endswith("sha256.json") for name in objects(team, "work/")), 240, "a checkpoint")
    kill(running)
    kept = {name.split("/")[-2] for name in objects(team, "work/") if name.endswith("sha256.json")}
    running = other.start("run", path, "--only", "pretrain", "--json")
    # At the latest a minute and three quarters after the first machine went, the lease of its key has run out.
    until(lambda: {item.name for item in other.home.glob("work/*/resumable/**/step-*")} & kept, 240, "it")
    out, err = running.communicate(timeout=600)
    assert running.returncode == 0, err
    assert next(step for step in json.loads(out)["steps"] if step["step"] == "pretrain")["status"] == "run"
    assert objects(team, "work/") == {}


def test_up_beside_a_teams_servers_starts_the_worker_alone(team: Team, tmp_path: Path) -> None:
    home = tmp_path / "home"
    up = Up(home, environment=team.environment(home))
    try:
        said = "\n".join(up.said)
        assert said.count("none is started") == 2 and "starting the worker" in said
        assert not any(answers(f"http://127.0.0.1:{port}") for port in (up.prefect, up.mlflow))
        assert not (home / "mlflow.db").exists()
    finally:
        up.stop()
