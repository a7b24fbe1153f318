"""Homes whose store is a PostgreSQL database, and which have no Prefect server in common, make a key once too."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tasks.storage.lease import Lease, is_free
from tests.support import team as servers
from tests.support.up import PROJECT
from tests.support.waiting import until

pytestmark = pytest.mark.slow

_HOLD = """
import time
from tasks.storage.lease import Lease
print(Lease.take("key", shared=True) is not None, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    if missing := servers.missing():
        pytest.skip(f"not installed: {missing}")
    with servers.postgres(tmp_path / "postgres") as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"postgresql://{address}/direct")
        yield tmp_path


def _at(folder: Path, home: str, patch: pytest.MonkeyPatch) -> None:
    (folder / home).mkdir(exist_ok=True)
    patch.setenv("HEADWATER_HOME", str(folder / home))


def test_a_key_is_held_by_one_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _at(folder, "a", monkeypatch)
    held = Lease.take("key", shared=True)
    assert held is not None
    _at(folder, "b", monkeypatch)
    assert not is_free("key", shared=True) and is_free("another key", shared=True)
    held.release()
    assert is_free("key", shared=True)


def test_a_killed_process_frees_it_for_every_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _at(folder, "a", monkeypatch)
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=os.environ
    )
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    _at(folder, "b", monkeypatch)
    assert not is_free("key", shared=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: is_free("key", shared=True), 10, "the lease")


def test_a_database_that_was_away_is_gone_back_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _at(folder, "a", monkeypatch)
    held = Lease.take("key", shared=True)
    assert held is not None
    engine = create_engine(os.environ["MLFLOW_TRACKING_URI"])
    with engine.connect() as other:  # as a restart does
        other.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()
    another = Lease.take("another key", shared=True)
    assert another is not None
    _at(folder, "b", monkeypatch)
    assert not is_free("key", shared=True), "what was held is held again"
    held.release()
    another.release()
    assert is_free("key", shared=True) and is_free("another key", shared=True)
