"""Several processes begin on the same fresh home at the same moment."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
OPENS = """
import sys
from tasks.storage import connection
print("ready", flush=True)
sys.stdin.readline()
print(connection.experiment("toys"))
"""


def test_four_that_open_a_store_that_is_not_there_yet_find_the_same_one(tmp_path: Path) -> None:
    environment = os.environ | {"HEADWATER_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    (tmp_path / "mlflow.db.new").write_text("half of one, of a process that was killed", encoding="ascii")
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", OPENS],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for starter in starters:
        assert starter.stdout and starter.stdout.readline() == "ready\n"
    for starter in starters:
        assert starter.stdin
        starter.stdin.write("go\n")
        starter.stdin.flush()
    ended = [starter.communicate() for starter in starters]
    assert [out for out, _ in ended] == ["1\n"] * 4, ended
