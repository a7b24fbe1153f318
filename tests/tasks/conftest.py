"""A real MLflow store in a temporary home, shared by the tests of a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.running.execution import RunContext
from tasks.running.local import Local
from tasks.running.progress import Board
from tasks.running.training_processes import TrainingProcesses
from tasks.storage import connection, runs


@pytest.fixture(scope="session")
def home_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def processes() -> Iterator[TrainingProcesses]:
    """The same for all tests: starting one costs seconds."""
    made = TrainingProcesses(threads=2, jobs=2)
    yield made
    made.stop()


@pytest.fixture
def context(
    home_folder: Path,
    processes: TrainingProcesses,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> RunContext:
    """What `produce` needs, with an experiment and a parent run for this test alone."""
    monkeypatch.setenv("HEADWATER_HOME", str(home_folder))
    # The name becomes part of paths, in which polars reads brackets as a glob.
    name = request.node.name.translate(str.maketrans("[]", "--"))
    experiment_id = connection.experiment(name)
    parent_id = runs.open_parent(experiment_id, "parent", name, {})
    return RunContext(experiment_id, parent_id, "flow-run", Local(processes, Board(), "cpu"))
