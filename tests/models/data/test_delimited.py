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
from models.errors import DataError

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


def test_a_text_of_several_lines_is_one_though_each_has_as_many_commas_as_a_row(tmp_path: Path) -> None:
    text = "\n".join(f"항목 {number}, 내용 {number}" for number in range(8))
    rows = "".join(f'"{text}",{number % 2}\n' for number in range(50))
    (tmp_path / "a.csv").write_text("text,label\n" + rows, encoding="utf-8")
    found = list(read_delimited(tmp_path / "a.csv", ",", quoting=True))
    assert [item[1]["text"] for item in found if not isinstance(item, Rejected)] == [text] * 50
    assert len(found) == 50


def test_a_quote_that_a_later_one_closes_does_not_swallow_the_rows_between(tmp_path: Path) -> None:
    rows = [f"글 {number},{number % 2}" for number in range(1, 101)]
    rows[9], rows[59] = '"' + rows[9], '모니터 24",1'
    (tmp_path / "a.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    found = list(read_delimited(tmp_path / "a.csv", ",", quoting=True))
    assert [item.line for item in found if isinstance(item, Rejected)] == [11]
    assert len(found) == 100


ENDS = pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])


def found(path: Path, rows: list[str], end: str, last: bool, head: str = "text,label") -> list[Any]:
    """What a file of these lines holds; `last`: whether its last line has an end."""
    path.write_bytes((end.join([head, *rows]) + (end if last else "")).encode())
    return list(read_delimited(path, ",", quoting=True))


def rejected(items: list[Any]) -> list[int]:
    return [item.line for item in items if isinstance(item, Rejected)]


@ENDS
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(
    "changed",
    [
        {number: f'"글 {number},0' for number in (0, 1, 200, 998, 999)},  # several, none of them closed
        {10: '"글 10,0', 11: '글 x",1'},  # closed on the next line
        {10: '"글 10,0', 14: '글 x",1'},  # a few lines later
        {10: '"글 10,0', 611: '글 x",1'},  # 600 lines later
        {10: '글,"0', 20: '글,"1'},  # in the last column
        {10: '"글 ""이"" 다,0'},  # beside escaped ones
        {10: '"글"x,0'},  # after a closed one
    ],
)
def test_stray_quotes_cost_the_lines_they_stand_on(
    tmp_path: Path, changed: dict[int, str], end: str, last: bool
) -> None:
    rows = [changed.get(number, f"글 {number},{number % 2}") for number in range(1000)]
    items = found(tmp_path / "a.csv", rows, end, last)
    assert len(items) == 1000
    opening = [number for number, row in changed.items() if not row.startswith("글 x")]
    assert rejected(items) == [number + 2 for number in opening]


@ENDS
def test_quoted_texts_of_a_few_lines_stay_whole(tmp_path: Path, end: str) -> None:
    rows = [f"글 {number},{number % 2}" for number in range(100)]
    texts = ["두\n줄, 이다", "값은 1,000원\n이다", '그는 ""네""\n라고, 또\n말했다, 세 번', "끝\n"]
    rows[50:50] = [f'"{text}",1' for text in texts]
    items = found(tmp_path / "a.csv", rows, end, last=False)
    assert rejected(items) == [] and len(items) == 104
    kept = [fields["text"].replace("\r\n", "\n") for _, fields in items[50:54]]
    assert kept == [text.replace('""', '"') for text in texts]


@pytest.mark.parametrize("head", ['"text,label', '"text,"label', 'text,"label'])
@pytest.mark.parametrize("closing", [3, 700])
def test_a_stray_quote_among_the_column_names_is_said(tmp_path: Path, head: str, closing: int) -> None:
    rows = [f"글 {number},{number % 2}" for number in range(1000)]
    rows[closing] = '글 x",1'
    with pytest.raises(DataError, match=r"a\.csv, line 1: the column names cannot be read \(quotes do not"):
        found(tmp_path / "a.csv", rows, "\n", last=True, head=head)


def test_column_names_may_stand_in_quotes_and_on_several_lines(tmp_path: Path) -> None:
    items = found(tmp_path / "a.csv", ["가,1"], "\n", last=True, head='"글\n(본문)","분류, 큰"')
    assert items == [(3, {"글\n(본문)": "가", "분류, 큰": "1"})]


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
