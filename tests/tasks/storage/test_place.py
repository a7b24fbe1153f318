"""A home that was copied or renamed, and one whose databases are damaged."""

import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from models.errors import HeadwaterError, RecipeError
from tasks.environment import home_id
from tasks.running.execution import RunContext, produce
from tasks.running.local import Local
from tasks.running.progress import Board
from tasks.running.training_processes import TrainingProcesses
from tasks.storage import artifacts, connection, lineage, model_folders, place, runs
from tests.support.toy_steps import Toy, repeat, write
from tests.support.waiting import until

REF = write(Toy(word="water"))
NAME = "100% #물; 1"
TWICE = repeat(Toy(word="twice"), rows=REF)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, processes: TrainingProcesses) -> Path:
    """A home with two artifacts, a registered model, and a run that goes on."""
    folder = tmp_path_factory.mktemp("made") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADWATER_HOME", str(folder))
        experiment = connection.experiment(NAME)
        parent = runs.open_parent(experiment, "parent", "flow", {})
        for ref in (REF, TWICE):
            produce(ref, RunContext(experiment, parent, "flow", Local(processes, Board(), "cpu")))
        made = artifacts.find(REF.key)
        assert made is not None
        connection.client().create_registered_model("river")
        source = connection.client().get_run(made.run_id).info.artifact_uri
        connection.client().create_model_version("river", source, made.run_id)
        connection.client().set_registered_model_alias("river", "champion", "1")
    return folder


@pytest.fixture
def lived_in(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, which is a copy."""
    folder = tmp_path / "집 1"
    shutil.copytree(made, folder)
    monkeypatch.setenv("HEADWATER_HOME", str(folder))
    place.settle()
    return folder


def uses_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is found below `folder`, by Headwater and by MLflow's own client, and what is new lies there too."""
    monkeypatch.setenv("HEADWATER_HOME", str(folder))
    for file in (
        artifacts.files(REF) / "folder" / "word.txt",
        model_folders.resolve("models:/river@champion"),
    ):
        assert file.exists() and file.is_relative_to(folder)
    assert lineage.of_key(TWICE.key).inputs["rows"][0].folder().is_relative_to(folder)
    plain = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    source = plain.get_model_version_download_uri("river", "1")
    assert [item.path for item in plain.list_artifacts(str(artifacts.find(REF.key).run_id), "folder")]
    assert source.startswith(f"{folder.as_uri()}/")
    run_id = connection.client().create_run(connection.experiment(NAME)).info.run_id
    runs.keep_text(run_id, "new", "new.txt")
    assert list(folder.rglob(f"{run_id}/artifacts/new.txt"))


@pytest.mark.parametrize("name", ["집 2", "100% #물; ~a&b+c'd", "집 1/a", "plain"])
def test_a_home_that_was_renamed_finds_everything(
    lived_in: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = home_id()
    moved = lived_in.parent / "moved" / name
    moved.parent.mkdir(parents=True)
    lived_in.rename(moved)
    uses_only(moved, monkeypatch)
    assert home_id() == before, "it is the same home"


def test_a_copy_and_its_original_have_each_their_own(lived_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = home_id()
    copy = lived_in.parent / "copy"
    shutil.copytree(lived_in, copy)
    uses_only(copy, monkeypatch)
    assert home_id() != before, "each would end the other's runs on a server they share"
    goes_on = connection.search(connection.experiment(NAME), runs.running_here())
    assert goes_on, "what was killed in the copy is never found"
    monkeypatch.setenv("HEADWATER_HOME", str(lived_in))
    assert home_id() == before
    shutil.rmtree(copy)
    uses_only(lived_in, monkeypatch)


def test_a_move_that_was_interrupted_goes_on(lived_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = lived_in.with_name("moved")
    lived_in.rename(moved)
    monkeypatch.setenv("HEADWATER_HOME", str(moved))
    place.settle()
    (moved / "place").write_text(str(lived_in))
    uses_only(moved, monkeypatch)


@pytest.mark.parametrize("content", ["", "no\x00where", "relative/home", "\udcff"])
def test_a_place_that_cannot_be_read_is_here(
    lived_in: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (lived_in / "place").write_text(content, errors="surrogateescape")
    connection._client.cache_clear()
    uses_only(lived_in, monkeypatch)
    assert (lived_in / "place").read_text() == str(lived_in)


def test_the_store_appends_to_a_log_in_a_home_of_before_too(lived_in: Path) -> None:
    def mode(asked: str = "PRAGMA journal_mode") -> str:
        with closing(sqlite3.connect(lived_in / "mlflow.db")) as store:
            return store.execute(asked).fetchone()[0]

    assert mode("PRAGMA journal_mode = DELETE") == "delete"
    connection._client.cache_clear()
    assert connection.known_experiment(NAME)
    assert mode() == "wal"


@pytest.mark.parametrize("name", ["mlflow.db", "prefect/prefect.db"])
@pytest.mark.parametrize("damage", ["cut", "overwritten", "a text"])
def test_a_damaged_database_is_told_before_anything_runs(
    lived_in: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(lived_in / "prefect"))
    database = lived_in / name
    database.parent.mkdir(exist_ok=True)
    content = (lived_in / "mlflow.db").read_bytes()
    content = {
        "cut": content[:-5000],
        "overwritten": content[:16] + b"x" * 9000 + content[9016:],
        "a text": b"text" * 999,
    }
    database.write_bytes(content[damage])
    with pytest.raises(
        RecipeError, match=r"is damaged \(.*\): put a back-up in its place, or move it away"
    ) as told:
        place.settle()
    assert str(database) in str(told.value) and "\n" not in str(told.value)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    place.settle()  # servers of one's own are used, so what lies here does not matter


def test_damage_that_is_met_later_is_told_in_one_line(lived_in: Path) -> None:
    database = lived_in / "mlflow.db"
    content = bytearray(database.read_bytes())
    page = 4096
    content[page:] = os.urandom(len(content) - page)
    database.write_bytes(content)
    with pytest.raises(HeadwaterError, match=r"mlflow\.db is damaged .* back-up") as told:
        artifacts.find("0" * 64)
    assert "\n" not in str(told.value)


def test_a_back_up_made_while_a_step_runs_can_be_used(
    lived_in: Path, tmp_path: Path, processes: TrainingProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/state.md has it: databases first, by SQLite's own back-up, then the files."""
    slow = write(Toy(word="slow", until=str(tmp_path / "backed up")))
    parent = runs.open_parent(connection.experiment(NAME), "second", "flow-2", {})
    context = RunContext(connection.experiment(NAME), parent, "flow-2", Local(processes, Board(), "cpu"))
    saved = tmp_path / "back-up"
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(produce, slow, context)
        until(lambda: runs.unfinished(slow.key), what="the step")
        saved.mkdir()
        live, copy = (sqlite3.connect(folder / "mlflow.db") for folder in (lived_in, saved))
        with closing(live), closing(copy):
            live.backup(copy)
        (tmp_path / "backed up").touch()
        assert going.result().status == "run"
    for name in ("id", "place"):
        shutil.copy2(lived_in / name, saved / name)
    shutil.copytree(lived_in / "artifacts", saved / "artifacts")
    shutil.rmtree(lived_in)
    uses_only(saved, monkeypatch)
    assert artifacts.find(slow.key) is None, "it had not ended when the database was copied"
    assert produce(slow, context).status == "run"
    (again,) = connection.search(
        context.experiment_id, f"tags.`headwater.key` = '{slow.key}' and status = 'KILLED'"
    )
    assert again.data.tags[runs.REASON] == "the process was killed"
