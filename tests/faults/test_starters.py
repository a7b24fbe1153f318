"""Several processes begin on the same fresh home at the same moment."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
OPENS = """
import multiprocessing
import mlflow.store.tracking.sqlalchemy_store
from tasks.storage import connection

def opens(together, found):
    together.wait()
    found.put(connection.experiment("toys"))

fork = multiprocessing.get_context("fork")
together, found = fork.Barrier(4), fork.SimpleQueue()
starters = [fork.Process(target=opens, args=(together, found)) for _ in range(4)]
for starter in starters:
    starter.start()
for starter in starters:
    starter.join()
    assert starter.exitcode == 0
print(*(found.get() for _ in starters))
"""
"""Forks of a process that has imported the libraries: they do begin at once."""


def test_four_that_open_a_store_that_is_not_there_yet_find_the_same_one(tmp_path: Path) -> None:
    environment = os.environ | {"HEADWATER_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    (tmp_path / "mlflow.db.new").write_text("half of one, of a process that was killed", encoding="ascii")
    ended = subprocess.run(
        [sys.executable, "-c", OPENS], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.stdout == "1 1 1 1\n", ended.stderr
