"""Files that unpack to far more than memory holds: a line that is too long is set aside, and the others are read."""

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from models.data import delimited, lines, readers
from models.data.records import Rejected
from models.errors import DataError

LIMIT = 1 << 20


@pytest.fixture
def bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """A gzip file with a line of 30 times the longest between two good ones."""
    monkeypatch.setattr(lines, "LONGEST", LIMIT)
    monkeypatch.setattr(lines, "LARGEST", 4 * LIMIT)

    def make(row: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "bomb.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(f"{row}\n".encode(encoding))
            for _ in range(30):
                file.write(b"0" * LIMIT)
            file.write(f"\n{row}\n".encode(encoding))
        return path

    return make


@pytest.mark.parametrize(
    ("read", "row", "encoding"),
    [
        (lambda path: readers.read_text(path, True), "글", "utf-8"),
        (lambda path: readers.read_text(path, True, "cp949"), "글", "cp949"),
        (lambda path: readers.read_text(path, True, "utf-16-le"), "글", "utf-16-le"),
        (readers.read_json_lines, '{"text": "글"}', "utf-8"),
        (lambda path: delimited.read_delimited(path, "\t", False), "글\tb", "utf-8"),
        (lambda path: delimited.read_delimited(path, ",", True), '"글",b', "utf-8"),
    ],
)
def test_a_line_that_is_too_long_is_set_aside_and_memory_stays_small(
    bomb: Callable, read: Callable, row: str, encoding: str
) -> None:
    path = bomb(row, encoding)
    tracemalloc.start()
    found = list(read(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (bad,) = (item for item in found if isinstance(item, Rejected))
    assert (bad.line, bad.reason) == (2, "longer than 1 MB") and len(bad.raw) < 1000
    assert found[-1] is not bad and not isinstance(found[-1], Rejected)
    assert peak < 16 * LIMIT


def test_a_line_of_an_old_mac_that_is_too_long_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST", LIMIT)
    path = tmp_path / "mac.txt"
    path.write_bytes(b"a\rb\r" * 200_000 + b"0" * (8 * LIMIT) + b"\rc")
    *_, before, bad, last = readers.read_text(path, True)
    assert isinstance(bad, Rejected) and bad.reason == "longer than 1 MB"
    assert (before, last) == ((400_000, {"text": "b"}), (400_002, {"text": "c"}))


@pytest.mark.parametrize(
    "read", [lambda path: readers.read_text(path, False), lambda path: readers.read_json(path, "")]
)
@pytest.mark.parametrize("unit", [b"0" * LIMIT, b"1,\n" * LIMIT])
def test_what_is_read_in_one_piece_has_a_limit(
    bomb: Callable, tmp_path: Path, read: Callable, unit: bytes
) -> None:
    path = tmp_path / "whole.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(6):
            file.write(unit)
    with pytest.raises(DataError, match=r"whole.gz: too large to be read in one piece"):
        list(read(path))
