"""How threads of OpenMP wait: asleep, as torch's own library says when it is loaded, unless the user says otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LOADED = """
import ctypes, importlib.util, pathlib, models
for library in pathlib.Path(importlib.util.find_spec("torch").origin).parent.glob("lib/libgomp*"):
    ctypes.CDLL(str(library))
"""
"""The library of torch that looks at the environment, by itself: all of torch takes seconds."""
NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


@pytest.mark.parametrize(
    ("set_before", "policy", "spins"),
    [
        ({}, "PASSIVE", "0"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE", None),
        ({"GOMP_SPINCOUNT": "7"}, None, "7"),
    ],
)
def test_threads_wait_asleep_unless_the_user_says_otherwise(
    set_before: dict[str, str], policy: str | None, spins: str | None
) -> None:
    own = {name: text for name, text in os.environ.items() if name not in NAMES}
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={**own, **set_before, "OMP_DISPLAY_ENV": "VERBOSE"},
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    if "GOMP_SPINCOUNT" not in done.stderr:
        pytest.skip("this torch has another OpenMP than GNU's")
    said = dict(
        line.strip().removeprefix("[host] ").split(" = ")
        for line in done.stderr.splitlines()
        if " = " in line
    )
    assert policy is None or said["OMP_WAIT_POLICY"].strip("'") == policy
    assert spins is None or said["GOMP_SPINCOUNT"].strip("'") == spins
