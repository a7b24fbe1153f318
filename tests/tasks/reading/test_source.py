"""No line is lost between a file and the rows; files of one name are told apart, in whatever order they are read."""

import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.data.ingestion import Ingestion
from models.data.quarantine import LIMIT
from models.data.schemas import check
from models.downstream.classification import Classification
from tasks.reading.source import read_all
from tasks.sources.files import Files

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)


def write(path: Path, rows: Sequence[dict]) -> str:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def kept(sources: Sequence[Files], folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows kept, and the quarantine, after reading and checking."""
    folder.mkdir(exist_ok=True)
    counts = Ingestion(False, None, folder).run(read_all(sources), folder)
    rows, bad = check(pl.read_parquet(folder / "rows.parquet"), Classification().schema())
    quarantine = pl.concat([pl.read_parquet(folder / "quarantine.parquet"), bad])
    assert rows.height + quarantine.height == counts["read"]
    return rows, quarantine


file = st.tuples(
    st.sampled_from(["one/rows.jsonl", "two/rows.jsonl", "three/rows.jsonl", "one/other.jsonl"]),
    st.lists(st.sampled_from(["", "0", "1", "rows.jsonl:1", "rows.jsonl#2:1"]), min_size=1, max_size=4),
)


@same_folder
@given(st.lists(file, min_size=1, max_size=4, unique_by=lambda item: item[0]), st.data())
def test_any_order_of_files_keeps_the_same_rows(
    tmp_path: Path, files: list[tuple[str, list[str]]], data: st.DataObject
) -> None:
    for name, ids in files:
        rows = [{"id": given, "text": f"{name} {at}", "label": str(at % 2)} for at, given in enumerate(ids)]
        write(tmp_path / name, rows)
    paths = [str(tmp_path / name) for name, _ in files]
    found = []
    for order in (paths, data.draw(st.permutations(paths))):
        rows, _ = kept([Files(paths=(path,)) for path in order], tmp_path / "made")
        assert rows["id"].is_unique().all()
        found.append(sorted(rows["text"]))
    # A given id is lost only where it stands in its file already; a row without one always stays.
    expected = [
        f"{name} {at}"
        for name, ids in files
        for at, given in enumerate(ids)
        if not given or given not in ids[:at]
    ]
    assert found == [sorted(expected), sorted(expected)]


def test_the_same_files_in_other_folders_make_the_same_rows(tmp_path: Path) -> None:
    made = []
    for place in ("here", "there"):
        row = {"text": "가", "label": "0"}
        paths = [write(tmp_path / place / folder / "rows.jsonl", [row, {"bad": 1}]) for folder in ("a", "b")]
        rows, bad = kept(
            [Files(parts={"train": (paths[0],), "test": (paths[1],)})], tmp_path / f"out-{place}"
        )
        assert rows["file"].to_list() == ["rows.jsonl", "rows.jsonl#2"]
        assert bad["file"].to_list() == ["rows.jsonl", "rows.jsonl#2"]
        made.append((rows, bad))
    assert made[0][0].equals(made[1][0]) and made[0][1].equals(made[1][1])


def test_names_of_files_are_text_however_they_are_spelt(tmp_path: Path) -> None:
    old = os.fsdecode("글.jsonl".encode("cp949"))  # as an archive from an old Windows is unpacked
    paths = [
        write(tmp_path / name, [{"text": "가", "label": "0"}]) for name in (normalize("NFD", "글.jsonl"), old)
    ]
    rows, _ = kept([Files(paths=tuple(paths))], tmp_path / "out")
    assert rows["file"].to_list() == ["글.jsonl", r"\xb1\xdb.jsonl"]


piece = st.sampled_from(
    [b'"', b'""', b",", b"\t", b" ", "가".encode(), b"\xff", b"{", b"}", b":", b"a", b"0", b'"text"', b"\x00"]
)
line = st.one_of(
    st.lists(piece, max_size=6).map(b"".join),
    st.sampled_from(
        [b"", b" ", "가,0".encode(), "가\t0".encode(), b'{"text": "a", "label": 0}', b'"a', b'b",1']
    ),
)


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
@same_folder
@given(st.lists(st.tuples(line, line), max_size=30), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.booleans())
def test_every_line_ends_in_a_row_or_in_the_quarantine(
    tmp_path: Path, form: str, lines: list[tuple[bytes, bytes]], end: bytes, last: bool
) -> None:
    # Every second line has a mark of its own by which it is found again; the others are what they are.
    marked = [
        before + (b"<%d>" % number + after if number % 2 else b"")
        for number, (before, after) in enumerate(lines)
    ]
    path = tmp_path / f"rows.{form}"
    path.write_bytes(end.join(marked) + (end if last else b""))
    source = Files(paths=(str(path),), **({} if form == "jsonl" else {"header": ("text", "label")}))
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    counts = Ingestion(False, None, out).run(read_all([source]), out)
    read = pl.read_parquet(out / "rows.parquet")
    bad = pl.read_parquet(out / "quarantine.parquet")
    assert counts["read"] == read.height + bad.height
    if "text" in "".join(read["fields"]) and "label" in "".join(read["fields"]):
        rows, refused = check(read, Classification().schema())
        assert rows.height + refused.height == read.height
    told = Counter(re.findall(r"<\d+>", "".join([*read["fields"], *bad["raw"]])))
    assert told == Counter(f"<{number}>" for number in range(1, len(lines), 2))
    # What no row or rejection begins with is the rest of one that spans several lines, or blank.
    spans = sum(item.count("\\n") + item.count("\\r") for item in read["fields"]) + sum(
        item.count("\n") for item in bad["raw"]
    )
    blank = sum(not raw.strip() for raw in marked)
    assert len(lines) - blank <= counts["read"] + spans


def test_a_long_bad_line_is_kept_whole_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    long = "{" + "가나다\\n" * 3_000
    path.write_text(f'{{"short\n{long}\n{{"text": 1}}\n{long}!\n', encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    counts = Ingestion(True, None, out).run(read_all([Files(paths=(str(path),))]), out)
    bad = pl.read_parquet(out / "quarantine.parquet")
    assert bad["raw_file"].to_list() == ["", "quarantine/000001.txt", "", "quarantine/000002.txt"]
    assert [(out / name).read_text(encoding="utf-8") for name in bad["raw_file"] if name] == [
        long,
        long + "!",
    ]
    assert bad["raw"].to_list()[:2] == ['{"short', long[:LIMIT]]
    assert "cut" not in counts


def test_beyond_so_many_files_the_counts_say_that_lines_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.data.quarantine.FILES", 3)
    (tmp_path / "rows.jsonl").write_text(("{" + "a" * 5_000 + "\n") * 5)
    out = tmp_path / "out"
    out.mkdir()
    counts = Ingestion(True, None, out).run(read_all([Files(paths=(str(tmp_path / "rows.jsonl"),))]), out)
    assert counts["cut"] == 2 and len(list((out / "quarantine").iterdir())) == 3
