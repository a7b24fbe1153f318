"""Headwater as a package: built from this tree, installed where there is no checkout and no git."""

import json
import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support import tickets
from tests.support.up import Up
from tests.support.waiting import until

PROJECT = Path(__file__).parents[2]
BROKEN = "raise RuntimeError('this is not meant')\n"
QUICK = ("upstreams.mlm.train.tokens=20000", "downstreams.classification.modes=[finetune]")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    for name in ("flows", "tasks", "models", "recipes"):
        shutil.copytree(PROJECT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("headwater.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, tree)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        ".",
        "-w",
        "dist",
    ]
    subprocess.run(build, cwd=tree, check=True)
    (made,) = (tree / "dist").glob("headwater-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment with this wheel, the libraries of this one, and no git."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", str(wheel)]
    subprocess.run(install, check=True)
    (place,) = (folder / "lib").glob("python*/site-packages")
    # What lies there is found, but for what its own .pth files name: no checkout.
    (place / "libraries.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    (folder / "bin" / "sh").symlink_to("/bin/sh")
    return folder / "bin"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of somebody's own, with names that Headwater and Python have too."""
    made = tmp_path_factory.mktemp("somebody's own 폴더")
    for name in ("tasks", "models", "flows"):
        (made / name).mkdir()
        (made / name / "__init__.py").write_text(BROKEN, encoding="utf-8")
    tickets.write(made / "tickets.csv", 400)
    return made


@pytest.fixture(scope="module")
def environment(installed: Path) -> dict[str, str]:
    left_out = ("PYTHONPATH", "PYTHONSAFEPATH", "HEADWATER_HOME", "PREFECT_HOME", "PREFECT_API_URL")
    return {name: value for name, value in os.environ.items() if name not in left_out} | {
        "PATH": str(installed)
    }


def test_what_is_no_code_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {
        path.relative_to(PROJECT).as_posix()
        for package in ("flows", "tasks", "models", "recipes")
        for path in (PROJECT / package).rglob("*")
        if path.suffix in {".html", ".css", ".json", ".yaml"}
    }
    assert data <= names and {"recipes/demo.yaml", "headwater.py"} <= names


def test_from_a_folder_with_a_table_to_a_model_that_answers(
    installed: Path, folder: Path, environment: dict[str, str]
) -> None:
    def headwater(*arguments: str, said: bool = False) -> str:
        command = [str(installed / "headwater"), *arguments]
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr if said else done.stdout

    assert "task      classification, 400 rows" in headwater("init", "--labels", "tickets.csv")
    settings = [part for setting in QUICK for part in ("--set", setting)]
    steps = json.loads(headwater("plan", "recipe.yaml", "--no-probe", "--json", *settings))["steps"]
    assert {step["status"] for step in steps} == {"run"}
    assert "comes with Headwater" in headwater("plan", "demo", "--no-probe", said=True)
    headwater("run", "recipe.yaml", "--json", *settings)
    name = json.loads(headwater("plan", "recipe.yaml", "--no-probe", "--json"))["recipe"]
    asked = json.dumps({"subject": "Invoice 12", "body": "my card was charged twice"})
    answer = json.loads(headwater("predict", f"{name}-classification@champion", asked))
    assert answer["label"] in tickets.TEAMS

    # A worker starts runs in the folder, with what it has there and its home.
    up = Up(
        folder / ".headwater",
        folder=folder,
        environment=environment | {"PYTHONPATH": ""},
        headwater=[str(installed / "headwater")],
    )
    try:
        overrides = {"upstreams.mlm.train.tokens": 20_000, "downstreams.classification.modes": ["finetune"]}
        started = up.begin(Path("recipe.yaml"), overrides, name="weekly")
        until(lambda: up.state(started) in ("COMPLETED", "FAILED", "CRASHED"), 240, "the end of the run")
        assert up.state(started) == "COMPLETED", up.api(f"flow_runs/{started}")["state"]["message"]
        assert up.task_runs(started) == [], "the worker found what was run by hand"
    finally:
        up.stop()
