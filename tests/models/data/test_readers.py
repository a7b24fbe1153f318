"""Readers lose no row: each comes out, good or rejected, with the line it stands on."""

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.data import readers
from models.data.delimited import read_delimited
from models.data.records import Rejected
from models.errors import DataError, RecipeError

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
cell = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),
    max_size=8,
)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@same_folder
@given(st.lists(st.tuples(cell, cell).filter(lambda row: "".join(row).strip()), max_size=20))
def test_without_quoting_every_row_and_every_quote_comes_through(
    tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    data = "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows)
    path = write(tmp_path / "rows.tsv", data.encode())
    found = list(read_delimited(path, "\t", quoting=False))
    expected = [{"text": text, "label": label} for text, label in rows]
    assert found == [(line, row) for line, row in enumerate(expected, start=2)]


@same_folder
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=8), cell
        ),
        max_size=20,
    )
)
def test_quoted_fields_may_hold_commas_quotes_and_line_ends(
    tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    path = write(tmp_path / "rows.csv.gz", buffer.getvalue().encode())
    found = list(read_delimited(path, ",", quoting=True))
    assert [tuple(item[1].values()) for item in found if not isinstance(item, Rejected)] == rows
    assert len(found) == len(rows)


def test_lines_of_quoted_rows_are_those_they_start_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", '\ufeffQ,A\r\n"두\n줄",x\r\n\r\n셋,y\r\n'.encode())
    assert list(read_delimited(path, ",", quoting=True)) == [
        (2, {"Q": "두\n줄", "A": "x"}),
        (5, {"Q": "셋", "A": "y"}),
    ]


def test_a_quote_that_does_not_match_is_rejected_and_what_follows_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", '가,1\n"나,2\n다 "라" 마,3\n바,4\n'.encode())
    found = list(read_delimited(path, ",", quoting=True, header=["text", "label"]))
    assert found == [
        (1, {"text": "가", "label": "1"}),
        Rejected("a.csv", 2, "", "quotes do not match", '"나,2'),
        (3, {"text": '다 "라" 마', "label": "3"}),
        (4, {"text": "바", "label": "4"}),
    ]


@pytest.mark.parametrize("quoting", [True, False])
def test_bad_lines_of_a_table_are_rejected_and_the_rest_is_read(tmp_path: Path, quoting: bool) -> None:
    data = "id\ttext\n1\t가\n2\n3\t나\t다\n".encode() + b"4\t\xff\xfe\n" + "5\t라\n".encode()
    found = list(read_delimited(write(tmp_path / "a.tsv", data), "\t", quoting))
    assert found == [
        (2, {"id": "1", "text": "가"}),
        Rejected("a.tsv", 3, "", "too few columns", "2"),
        Rejected("a.tsv", 4, "", "too many columns", "3\t나\t다"),
        Rejected("a.tsv", 5, "", "not UTF-8", "4\t\\xff\\xfe"),
        (6, {"id": "5", "text": "라"}),
    ]


def test_json_lines(tmp_path: Path) -> None:
    good = {"id": "1", "text": "가 \U0001f600"}
    lines = [json.dumps(good), "", "{bad", "[1]", '{"text": "\\ud83d"}', json.dumps(good, ensure_ascii=False)]
    path = write(tmp_path / "a.jsonl.gz", "\n".join(lines).encode() + b'\n{"text": "\xff"}')
    assert list(readers.read_json_lines(path)) == [
        (1, good),
        Rejected("a.jsonl.gz", 3, "", "not JSON", "{bad"),
        Rejected("a.jsonl.gz", 4, "", "not a JSON object", "[1]"),
        Rejected("a.jsonl.gz", 5, "", "not valid Unicode", '{"text": "\\ud83d"}'),
        (6, good),
        Rejected("a.jsonl.gz", 7, "", "not UTF-8", '{"text": "\\xff"}'),
    ]


def test_a_json_array_is_found_by_its_path(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.json", json.dumps({"version": 1, "data": {"rows": [{"text": "가"}, 3]}}).encode()
    )
    assert list(readers.read_json(path, "data.rows")) == [
        (1, {"text": "가"}),
        Rejected("a.json", 2, "", "not a JSON object", "3"),
    ]
    with pytest.raises(DataError, match="no array at the top"):
        list(readers.read_json(path, ""))
    with pytest.raises(DataError, match=r"bad.json, line 2: not JSON"):
        list(readers.read_json(write(tmp_path / "bad.json", b"[\n{]"), ""))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps([{"text": "가"}] * 3, indent=1), "is one JSON array .* set format: json in"),
        (json.dumps([{"text": "가"}] * 3), "is one JSON array .* set format: json in"),
        (json.dumps({"a": {"rows": [{"text": "가"}]}}, indent=2), r"set format: json and data: a\.rows"),
        (json.dumps({"text": "가"}, indent=2), "write one a line .* set format: json"),
        ('{\n "text": "가"\n}\n' * 3, "write one a line .* set format: json"),
        ("[\n" + '{"text": "가"},\n' * 3, "write one a line .* set format: json"),
    ],
)
def test_json_over_several_lines_is_no_json_lines(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "a.jsonl.gz", b"\n" + text.encode())
    with pytest.raises(RecipeError, match=message):
        readers.check_json_lines(path)


@pytest.mark.parametrize(
    "text", ['{bad\n{"text": "가"}\n', '[1\n{"text": "가"}\n', '{"text": "가"}\n]', "bad"]
)
def test_a_bad_line_is_only_a_bad_line(tmp_path: Path, text: str) -> None:
    readers.check_json_lines(write(tmp_path / "a.jsonl", text.encode()))


def test_a_json_file_of_another_form_says_what_to_set(tmp_path: Path) -> None:
    lines = write(tmp_path / "a.json", b'{"text": "a"}\n' * 3)
    with pytest.raises(DataError, match="set format: jsonl"):
        list(readers.read_json(lines, ""))
    rows = [{"text": "a"}]
    whole = write(tmp_path / "b.json", json.dumps({"a": {"rows": rows}, "b": rows, "c": [1]}).encode())
    with pytest.raises(DataError, match=r"no array at 'x'; set data: a\.rows or b"):
        list(readers.read_json(whole, "x"))


def test_plain_text_by_line_and_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "첫째\r\n\r\n \n둘째".encode())
    assert list(readers.read_text(path, by_line=True)) == [(1, {"text": "첫째"}), (4, {"text": "둘째"})]
    assert list(readers.read_text(path, by_line=False)) == [(1, {"text": "첫째\r\n\r\n \n둘째"})]


def test_parquet_with_nested_values(tmp_path: Path) -> None:
    rows = [{"text": "가", "entities": [{"start": 0, "end": 1}]}, {"text": None, "entities": []}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert list(readers.read_parquet(tmp_path / "a.parquet")) == [(1, rows[0]), (2, rows[1])]
    zipped = write(tmp_path / "b.parquet.gz", (tmp_path / "a.parquet").read_bytes())
    assert [fields for _, fields in readers.read_parquet(zipped)] == rows


def test_values_of_parquet_that_python_cannot_have_spoil_no_other(tmp_path: Path) -> None:
    offsets, letters = b"\0\0\0\0\1\0\0\0\2\0\0\0", b"a\xff"
    broken = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(offsets), pa.py_buffer(letters)])
    far = pa.array([1, 10**9], pa.int32()).cast(pa.date32())
    elsewhere = pa.array([0, None], pa.timestamp("us", "Asia/Nowhere"))
    twice = pa.StructArray.from_arrays([pa.array([1, 2])] * 2, names=["a", "a"])
    table = pa.table({"text": broken, "day": far, "time": elsewhere, "meta": twice, "label": ["0", "1"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    first, second = (fields for _, fields in readers.read_parquet(tmp_path / "a.parquet"))
    assert (first["text"], first["label"], second["label"], second["time"]) == ("a", "0", "1", None)
    assert "0xff" in str(second["text"]) and not isinstance(second["text"], str)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_gzip_broken_in_the_middle_names_file_and_line(tmp_path: Path, damage: str) -> None:
    whole = gzip.compress(
        "".join(f"{number} 번째 줄 {number * 7919 % 1000}\n" for number in range(20_000)).encode()
    )
    half = len(whole) // 2
    path = tmp_path / "a.txt.gz"
    path.write_bytes(whole[:half] if damage == "cut" else whole[:half] + b"\x00" * 50 + whole[half + 50 :])
    with pytest.raises(DataError, match=r"a\.txt\.gz, line [1-9]\d*: the gzip file is broken here"):
        list(readers.read_text(path, by_line=True))


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"a\.parquet, row 1: the Parquet file is broken"):
        list(readers.read_parquet(tmp_path / "a.parquet"))
