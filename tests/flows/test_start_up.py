"""What is answered at once imports nothing that takes long: modules are compared, not seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
HEAVY = {"mlflow", "prefect", "ray", "torch", "transformers"}
"""Seconds each, or nearly."""
SLOW = {
    "alembic",
    "asyncio",
    "datasets",
    "matplotlib",
    "numpy",
    "optuna",
    "pandas",
    "pandera",
    "polars",
    "pyarrow",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "tokenizers",
}
"""Tenths of a second each."""
WRONG = {
    "name: demo": "name: [demo",
    "seed: 1": "seed: one",
    "jobs: 2": "nothing: 2",
    "mask_rate": "mask_rat",
    "downstream: {kind: ner": "downstream: {kind: nre",
    "preset: modernbert": "preset: gpt2",
    "{kind: demo, view: corpus, documents: 14000}": "{kind: files, paths: nowhere/*.csv}",
}
"""What stands in a recipe, and what is wrong in its place: no YAML, no number, no such key, one that is close to such a
key, no such kind, what does not go together, a file that is missing."""


def test_help_and_a_mistyped_option_import_nothing_heavy(tmp_path: Path) -> None:
    assert not imported([["--help"], ["--version"], ["run", "--help"], ["plan", "--helpp"]], tmp_path)


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_wrong_recipe_is_told_without_what_a_run_needs(command: str, tmp_path: Path) -> None:
    right = "jobs: 2\n" + (PROJECT / "recipes" / "demo.yaml").read_text(encoding="utf-8")
    recipes = []
    for number, (written, wrong) in enumerate(WRONG.items()):
        assert written in right
        recipes.append(tmp_path / f"{number}.yaml")
        recipes[-1].write_text(right.replace(written, wrong, 1), encoding="utf-8")
    assert not imported([[command, str(recipe)] for recipe in recipes], tmp_path)


def imported(commands: list[list[str]], home: Path) -> list[str]:
    """What takes long and was imported by commands that are wrong or only help, in one process, and by which."""
    code = (
        "import json, sys; from flows.cli import main\n"
        "for command in json.loads(sys.argv[1]):\n"
        "    code = main(command); print(); print(json.dumps([code, *sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        env={**os.environ, "HEADWATER_HOME": str(home / "home")},
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    ends = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(ends) == len(commands), done.stderr
    found = []
    for command, (code, *modules) in zip(commands, ends, strict=True):
        assert code == (0 if command[-1] in ("--help", "--version") else 2), done.stderr
        slow = {*HEAVY, *SLOW} & {name.split(".")[0] for name in modules}
        found += [f"{' '.join(command)}: {name}" for name in sorted(slow)]
    return found
