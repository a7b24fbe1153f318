"""Copies of artifacts from a store elsewhere: whole or not at all, and no more of them than there is room for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import RecipeError
from tasks.storage import cache
from tests.support.up import PROJECT

_READ = """
import sys
from pathlib import Path
from tasks.storage import cache
cache.copy(sys.argv[1], lambda folder: (folder / "file").is_file(), lambda folder: None)
print("reads", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    monkeypatch.setenv("HEADWATER_CACHE_GB", "0.000003")  # three of them
    return tmp_path


def _fetch(name: str) -> Path:
    """A copy of 1,000 bytes, and the step that wanted it has ended."""
    made = cache.copy(name, _is_whole, _fill)
    cache.done()
    return made


def _fill(folder: Path) -> None:
    (folder / "file").write_bytes(b"x" * 1000)


def _is_whole(folder: Path) -> bool:
    path = folder / "file"
    return path.is_file() and path.stat().st_size == 1000


def _age(**seconds: int) -> None:
    for name, ago in seconds.items():
        os.utime(cache.folder() / f"{name}-1", (1e9 - ago, 1e9 - ago))


def _names() -> list[str]:
    return sorted(path.name for path in cache.copies())


def test_what_was_used_longest_ago_goes_first() -> None:
    for name in ("a-1", "b-1", "c-1"):
        _fetch(name)
    _age(a=10, b=30, c=20)
    _fetch("d-1")
    assert _names() == ["a-1", "c-1", "d-1"]
    _age(a=30, c=20, d=10)
    _fetch("a-1")  # is there, and counts as used now
    _fetch("e-1")
    assert _names() == ["a-1", "d-1", "e-1"]


def test_what_a_process_that_lives_reads_stays() -> None:
    for name in ("a-1", "b-1", "c-1"):
        _fetch(name)
    process = subprocess.Popen(
        [sys.executable, "-c", _READ, "a-1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env=os.environ,
    )
    assert process.stdout is not None and process.stdout.readline() == "reads\n"
    _age(a=30, b=20, c=10)
    _fetch("d-1")
    assert _names() == ["a-1", "c-1", "d-1"]
    process.kill()
    process.wait()
    _age(a=30)
    _fetch("e-1")
    assert _names() == ["c-1", "d-1", "e-1"], "its list went with it"


def test_what_is_read_after_it_was_looked_for_is_not_removed() -> None:
    _fetch("a-1")
    (found,) = cache.every()
    cache.copy("a-1", _is_whole, _fill)
    assert not cache.remove(found) and _is_whole(found)
    assert cache.in_use() == {"a-1"}
    cache.done()
    assert not list((cache.folder() / "readers").iterdir()), "who reads nothing keeps no list"
    assert cache.remove(found) and not found.exists() and cache.every() == []


def test_a_step_that_needs_more_than_there_is_room_for_has_it() -> None:
    for name in ("a-1", "b-1", "c-1", "d-1"):
        cache.copy(name, _is_whole, _fill)
    assert len(_names()) == 4
    cache.done()
    cache.make_room()
    assert len(_names()) == 3


def test_a_copy_that_breaks_off_or_is_damaged_is_fetched_again() -> None:
    with pytest.raises(OSError, match="broke off"):
        cache.copy("a-1", _is_whole, _broken)
    assert _names() == []
    copied = _fetch("a-1")
    (copied / "file").write_bytes(b"short")
    assert _is_whole(_fetch("a-1"))


def _broken(folder: Path) -> None:
    (folder / "file").write_bytes(b"x")
    raise OSError("broke off")


def test_a_bound_that_is_no_number_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_CACHE_GB", "much")
    with pytest.raises(RecipeError, match="HEADWATER_CACHE_GB: 'much' is no number of gigabytes"):
        cache.bound()
