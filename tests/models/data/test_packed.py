"""Packed files are known by their bytes, read like plain ones, and say where they break off."""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import zstandard

from models.data import readers
from models.data.lines import lines
from models.data.packed import opened
from models.errors import DataError
from tasks.reading.source import Record
from tasks.sources.files import Files

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
SUFFIX = {"gzip": "gz", "bzip2": "bz2", "xz": "xz", "zstd": "zst"}
RAW = b"".join(b"line %d\n" % number for number in range(60_000))


@pytest.mark.parametrize("how", PACK)
def test_they_are_read_whole_also_in_several_pieces(tmp_path: Path, how: str) -> None:
    path = tmp_path / f"a.txt.{SUFFIX[how]}"
    path.write_bytes(PACK[how](RAW) + PACK[how](b"and one more\n"))
    with opened(path) as file:
        assert file.read() == RAW + b"and one more\n"
        file.seek(7)
        assert file.readline() == b"line 1\n"
    source = Files(paths=(str(path),))
    source.check()
    *_, last = source.read()
    assert last == Record({"text": "and one more"}, path.name, 60_001)


@pytest.mark.parametrize("how", PACK)
@pytest.mark.parametrize("damage", ["cut", "bent"])
def test_where_one_breaks_off_or_is_damaged_the_line_is_named(tmp_path: Path, how: str, damage: str) -> None:
    whole = PACK[how](RAW)
    middle = len(whole) // 2
    bent = whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 40]) + whole[middle + 40 :]
    path = tmp_path / f"a.txt.{SUFFIX[how]}"
    path.write_bytes(whole[:-20] if damage == "cut" else bent)
    Files(paths=(str(path),)).check()  # which must be cheap
    with pytest.raises(DataError, match=rf"a\.txt\.\w+, line \d+: the {how} file is broken here .*again"):
        list(lines(path))


@pytest.mark.parametrize("how", PACK)
def test_parquet_may_be_packed_and_its_damage_is_named(tmp_path: Path, how: str) -> None:
    made = io.BytesIO()
    parquet.write_table(pa.table({"text": ["가", "나"]}), made)
    path = tmp_path / f"a.parquet.{SUFFIX[how]}"
    path.write_bytes(PACK[how](made.getvalue()))
    source = Files(paths=(str(path),), columns={"text": "text"})
    source.check()
    assert [row.fields for row in source.read() if isinstance(row, Record)] == [
        {"text": "가"},
        {"text": "나"},
    ]
    path.write_bytes(PACK[how](made.getvalue())[:-12])
    with pytest.raises(DataError, match="the Parquet file is broken"):
        list(readers.read_parquet(path))


@pytest.mark.parametrize("how", PACK)
def test_names_that_promise_it_and_files_packed_twice_are_told_before_anything_runs(
    tmp_path: Path, how: str
) -> None:
    path = tmp_path / f"a.txt.{SUFFIX[how]}"
    for data, message in (
        (b"plain", f"is not {how} at all, though its name ends with .{SUFFIX[how]}"),
        (PACK[how](b""), "is empty when unpacked"),
        (PACK[how](gzip.compress(b"x")), "is packed twice, with gzip inside: unpack it once"),
    ):
        path.write_bytes(data)
        with pytest.raises(Exception, match=message):
            Files(paths=(str(path),)).check()
