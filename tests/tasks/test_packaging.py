"""A registered model is whole: it answers where this project is not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mlflow.pyfunc
import pytest
from click.testing import CliRunner
from mlflow.models.cli import commands

from models.kinds import kinds
from tests.support import alone
from tests.support.untrained import untrained


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained("classification", tmp_path_factory.mktemp("classifier"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with packages of our names that are not ours."""
    for name in ("models", "tasks", "flows"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('{name} is not yours')")
    return tmp_path


def answers(elsewhere: Path, *folders: Path) -> list:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, "-I", alone.__file__, *map(str, folders)],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_it_answers_alike_where_this_project_is_not(classifier: Path, elsewhere: Path) -> None:
    here = mlflow.pyfunc.load_model(str(classifier))
    assert answers(elsewhere, classifier) == [here.predict(here.input_example)]


@pytest.mark.slow
def test_so_does_every_downstream(tmp_path: Path, elsewhere: Path) -> None:
    folders = [untrained(kind, tmp_path / "made" / kind) for kind in kinds("models.downstream")]
    here = [mlflow.pyfunc.load_model(str(folder)) for folder in folders]
    assert answers(elsewhere, *folders) == [model.predict(model.input_example) for model in here]


def test_the_same_model_is_the_same_bytes(classifier: Path, tmp_path: Path) -> None:
    again = untrained("classification", tmp_path)
    names = [path.name for path in classifier.iterdir() if path.is_file()]
    assert {"MLmodel", "code.zip", "requirements.txt", "python_env.yaml", "conda.yaml"} <= {*names}
    assert {name: (again / name).read_bytes() for name in names} == {
        name: (classifier / name).read_bytes() for name in names
    }


def test_an_image_can_be_built_of_it(classifier: Path, tmp_path: Path) -> None:
    ended = CliRunner().invoke(
        commands,
        ["generate-dockerfile", "-m", str(classifier), "-d", str(tmp_path), "--env-manager", "local"],
    )
    assert ended.exit_code == 0, ended.output
    assert "FROM python:" in (tmp_path / "Dockerfile").read_text()
    inside = {path.name for path in (tmp_path / "model_dir").rglob("*")}
    assert {"MLmodel", "code.zip", "requirements.txt", "model.safetensors"} <= inside


def test_it_asks_for_what_it_takes_to_answer_in_the_versions_it_was_made_with(classifier: Path) -> None:
    pins = dict(line.split("==") for line in (classifier / "requirements.txt").read_text().split())
    assert {"mlflow", "torch", "transformers", "tokenizers"} <= set(pins)
    assert not {"prefect", "scikit-learn", "pandera"} & set(pins)
