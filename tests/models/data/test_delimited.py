"""Every line of a CSV or TSV file, whatever bytes it holds, comes out once: in a row or in a rejection."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.data import readers
from models.data.delimited import read_delimited
from models.data.records import Rejected

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
piece = st.sampled_from(
    [b'"', b'""', b",", b"\t", b" ", b"\r", "가".encode(), b"\xff", b"{", b"}", b":", b"a", b"[1]"]
)
line = st.lists(piece, max_size=6).map(b"".join)


def read(path: Path, form: str) -> list[tuple[int, Any] | Rejected]:
    if form == "txt":
        return list(readers.read_text(path, by_line=True))
    if form == "jsonl":
        return list(readers.read_json_lines(path))
    delimiter = "," if form == "csv" else "\t"
    return list(read_delimited(path, delimiter, quoting=form == "csv", header=("text", "label")))


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "txt"])
@same_folder
@given(lines=st.lists(st.tuples(line, line), max_size=12))
def test_every_line_comes_out_once(tmp_path: Path, form: str, lines: list[tuple[bytes, bytes]]) -> None:
    # Each line has a mark of its own, by which it is found again.
    data = b"\n".join(before + b"<%d>" % number + after for number, (before, after) in enumerate(lines))
    path = tmp_path / "rows"
    path.write_bytes(data)
    told = "".join(
        item.raw if isinstance(item, Rejected) else json.dumps(item[1], ensure_ascii=False)
        for item in read(path, form)
    )
    assert Counter({number: told.count(f"<{number}>") for number in range(len(lines))}) == Counter(
        dict.fromkeys(range(len(lines)), 1)
    )


def test_a_stray_quote_costs_one_line(tmp_path: Path) -> None:
    rows = [f"글 {number},{number % 2}" for number in range(1, 1001)]
    rows[399] = '"' + rows[399]
    (tmp_path / "a.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    found = list(read_delimited(tmp_path / "a.csv", ",", quoting=True))
    rejected = [item for item in found if isinstance(item, Rejected)]
    assert len(found) == 1000
    assert rejected == [Rejected("a.csv", 401, "", "quotes do not match", '"글 400,0')]


def test_a_quote_that_a_later_one_closes_does_not_swallow_the_rows_between(tmp_path: Path) -> None:
    rows = [f"글 {number},{number % 2}" for number in range(1, 101)]
    rows[9], rows[59] = '"' + rows[9], '모니터 24",1'
    (tmp_path / "a.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    found = list(read_delimited(tmp_path / "a.csv", ",", quoting=True))
    assert [item.line for item in found if isinstance(item, Rejected)] == [11]
    assert len(found) == 100


def test_a_long_text_in_quotes_stays_whole(tmp_path: Path) -> None:
    text = "\n".join(f"{number}. 문단, 쉼표가 있다, 둘이나" for number in range(40))
    (tmp_path / "a.csv").write_text(f'text,label\n"{text}",1\n', encoding="utf-8")
    assert list(read_delimited(tmp_path / "a.csv", ",", quoting=True)) == [(2, {"text": text, "label": "1"})]


@pytest.mark.parametrize("ends", ["\r", "\r\n", "\n"])
def test_lines_may_end_as_they_do_anywhere(tmp_path: Path, ends: str) -> None:
    (tmp_path / "a.csv").write_bytes(ends.join(["text,label", "가,1", "나,2", ""]).encode())
    assert list(read_delimited(tmp_path / "a.csv", ",", quoting=True)) == [
        (2, {"text": "가", "label": "1"}),
        (3, {"text": "나", "label": "2"}),
    ]
