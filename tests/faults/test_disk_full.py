"""The disk is full in the middle of a run: told in one line, and with space again the same command ends well."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.recipes import SMALL, write
from tests.support.up import PROJECT
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150m", "none", disk], check=False)
    if mounted.returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_told_and_heals(small_disk: Path, tmp_path: Path) -> None:
    home = small_disk / "home"
    command = [sys.executable, "-m", "flows.cli", "run", str(write(tmp_path, SMALL))]
    environment = os.environ | {"HEADWATER_HOME": str(home), "PREFECT_HOME": str(home / "prefect")}
    with subprocess.Popen(command, env=environment, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as full:
        until(lambda: list((home / "artifacts").rglob("manifest.json")), 120, "the first artifact")
        rest = small_disk / "rest"
        with rest.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(100_000))
            except OSError:
                pass
        _, said = full.communicate(timeout=180)
    assert full.returncode == 1
    assert "the disk is full" in said and "free some space" in said
    assert "Traceback" not in said and len(said.splitlines()) < 40
    rest.unlink()
    done = subprocess.run(
        command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
