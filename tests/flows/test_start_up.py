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
    "datasets",
    "matplotlib",
    "optuna",
    "pandas",
    "pandera",
    "pyarrow",
    "scipy",
    "sklearn",
    "sqlalchemy",
}
"""Tenths of a second each."""
ROWS = {"numpy", "polars"}
"""What recipes are read with, since downstreams say what their rows are."""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["plan", "--helpp"]])
def test_help_and_a_mistyped_option_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    assert not imported(arguments, tmp_path) & {*HEAVY, *SLOW, *ROWS}


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_wrong_recipe_is_told_without_what_a_run_needs(command: str, tmp_path: Path) -> None:
    recipe = tmp_path / "wrong.yaml"
    right = (PROJECT / "recipes" / "demo.yaml").read_text(encoding="utf-8")
    recipe.write_text(right.replace("mask_rate", "mask_rat"), encoding="utf-8")
    assert not imported([command, str(recipe)], tmp_path) & {*HEAVY, *SLOW}


def imported(arguments: list[str], home: Path) -> set[str]:
    """The packages that a command has imported when it ends."""
    code = (
        "import json, sys; from flows.cli import main; code = main(sys.argv[1:]);"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "HEADWATER_HOME": str(home / "home")},
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    found = set(json.loads(done.stdout.splitlines()[-1]))
    assert "typer" in found, done.stderr
    return found
