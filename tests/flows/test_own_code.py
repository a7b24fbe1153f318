"""A folder of a user's own, with packages and modules of the names that Headwater and Python have."""

import os
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
BROKEN = "raise RuntimeError('this is not meant')\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What takes the place of a package where it is found first: a package, a module, a folder of plain files."""
    (tmp_path / "models").mkdir()
    for name in ("models/__init__.py", "tasks.py", "random.py"):
        (tmp_path / name).write_text(BROKEN, encoding="utf-8")
    return tmp_path


def said(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"PYTHONPATH": str(PROJECT), "HEADWATER_HOME": str(folder / "home")} | environment
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=plain | own, capture_output=True, text=True, check=False)


def test_a_command_started_in_the_folder_uses_headwaters_own_code(folder: Path) -> None:
    (folder / "random.py").unlink()  # of Python itself: `python -m` in its folder breaks whatever it starts
    done = said(folder, "-m", "flows.cli", "plan", "none.yaml")
    assert (done.returncode, "none.yaml: no such recipe" in done.stderr) == (2, True), done.stderr


def test_a_deployments_entry_point_and_its_children_find_headwaters_code_where_the_folder_comes_first(
    folder: Path,
) -> None:
    (folder / "random.py").unlink()
    (folder / "flows").mkdir()
    (folder / "flows" / "__init__.py").write_text(BROKEN, encoding="utf-8")
    # As in a process of Prefect's worker; training processes get the path that this one has then.
    code = "import sys, headwater; headwater.corpus; import models; print(models.__file__); print(sys.path)"
    done = said(folder, "-c", code, PYTHONPATH=os.pathsep.join([str(folder), str(PROJECT)]))
    assert done.returncode == 0, done.stderr
    found, path = done.stdout.splitlines()
    assert found == str(PROJECT / "models" / "__init__.py")
    places = literal_eval(path)
    assert places.index(str(PROJECT)) < places.index(str(folder))
