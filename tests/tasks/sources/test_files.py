"""Sources find what is wrong before a run, read all that is there, and are known by content."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from pydantic import BaseModel, ValidationError

from models.errors import RecipeError
from tasks.reading.source import Record, Rejected, Source, SourceField
from tasks.sources.files import Files
from tasks.sources.hub import Hub
from tasks.sources.nsmc import Nsmc


class Holder(BaseModel):
    source: SourceField


def load(**settings: Any) -> Source:
    return Holder(source=settings).source


@pytest.fixture
def nsmc(tmp_path: Path) -> Nsmc:
    head = "id\tdocument\tlabel\n"
    (tmp_path / "train.txt").write_text(
        head + '1\t"최고의 영화\t1\n2\t별로다" 정말\t0\n3\t\n', encoding="utf-8"
    )
    (tmp_path / "test.txt").write_text(head + "4\t그저 그렇다\t0\n", encoding="utf-8")
    return Nsmc(train=str(tmp_path / "train.txt"), test=str(tmp_path / "test.txt"))


def test_nsmc_reads_every_row_and_takes_quotes_as_text(nsmc: Nsmc) -> None:
    nsmc.check()
    assert list(nsmc.read()) == [
        Record({"id": "1", "text": '"최고의 영화', "label": "1"}, "train.txt", 2, "train"),
        Record({"id": "2", "text": '별로다" 정말', "label": "0"}, "train.txt", 3, "train"),
        Rejected("train.txt", 4, "", "too few columns", "3\t"),
        Record({"id": "4", "text": "그저 그렇다", "label": "0"}, "test.txt", 2, "test"),
    ]


def test_nsmc_with_another_header_is_refused(nsmc: Nsmc, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("id,document,label\n")
    with pytest.raises(
        RecipeError, match=r"train\.txt, line 1: .* id, document, label, not id,document,label"
    ):
        nsmc.check()


def test_globs_are_sorted_and_columns_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_DATA", str(tmp_path))
    for name in ("b.jsonl", "a.jsonl.gz"):
        line = json.dumps({"document": name, "label": 1, "film": 7}).encode()
        (tmp_path / name).write_bytes(gzip.compress(line) if name.endswith("gz") else line)
    source = load(
        kind="files", paths="${HEADWATER_DATA}/*.jsonl*", columns={"text": "document"}, group="film"
    )
    source.check()
    assert list(source.read()) == [
        Record({"label": 1, "film": 7, "text": "a.jsonl.gz"}, "a.jsonl.gz", 1, "", "7"),
        Record({"label": 1, "film": 7, "text": "b.jsonl"}, "b.jsonl", 1, "", "7"),
    ]


def test_a_column_may_be_a_field_inside_another(tmp_path: Path) -> None:
    rows = [
        {"text": "가", "meta": {"of": {"label": 1}}},
        {"text": "나", "meta": {}},
        {"text": "다", "meta": 3},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    parquet.write_table(pa.Table.from_pylist(rows[:2]), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        source = Files(paths=(str(tmp_path / name),), columns={"label": "meta.of.label"})
        source.check()
        found = [row.fields["label"] for row in source.read() if isinstance(row, Record)]
        assert found[:2] == [1, None] and not any(found[2:])
    with pytest.raises(RecipeError, match=r"no column 'metta.of': did you mean 'meta'"):
        Files(paths=(str(tmp_path / "a.parquet"),), columns={"label": "metta.of"}).check()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "1,좋아요\n0,싫어요\n", "no column 'text'.* name the columns in 'header'"),
        ("a.csv", "좋아요,좋아요\n싫어요,싫어요\n", "is named twice.* name the columns in 'header'"),
        (
            "a.csv",
            '"text,label\n가,1\n',
            "line 1: the column names cannot be read; mend its quotes, or set quoting",
        ),
        ("a.jsonl", '[\n{"text": "가"}\n]\n', "is one JSON array .* set format: json in its source"),
    ],
)
def test_a_file_of_another_form_is_found_before_anything_runs(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=f"{name}.*{message}"):
        Files(paths=(str(tmp_path / name),), columns={"text": "text"}).check()


def test_a_parquet_file_of_another_name_is_named(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"text": ["가"]}), tmp_path / "a.csv")
    with pytest.raises(RecipeError, match=r"a\.csv is a Parquet file: set format: parquet"):
        Files(paths=(str(tmp_path / "a.csv"),)).check()


def test_parts_are_given_by_file(tmp_path: Path) -> None:
    for part in ("train", "validation", "test"):
        (tmp_path / f"{part}.csv").write_text(f"text,label\n{part},0\n")
    parts = {part: str(tmp_path / f"{part}.csv") for part in ("train", "validation", "test")}
    found = [(row.part, row.fields["text"]) for row in load(kind="files", parts=parts).read()]
    assert sorted(found) == [(part, part) for part in ("test", "train", "validation")]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("missing.txt", None, "no such file"),
        ("*.nothing", None, "no such file"),
        ("empty.txt", b"", "is empty"),
        ("empty.txt.gz", gzip.compress(b"", mtime=0), "is empty when unpacked"),
        ("plain.txt.gz", b"not packed", "is not gzip at all"),
        ("a.xml", b"<a/>", "unknown ending"),
        ("a.csv", b"body,label\n", "no column 'text': known are body, label"),
        ("a.tsv", b"id\ttexts\n", "no column 'text': did you mean 'texts'"),
        ("a.parquet", b"PAR2", "is not a Parquet file"),
    ],
)
def test_unusable_files_are_found_before_anything_runs(
    tmp_path: Path, name: str, data: bytes | None, message: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    source = load(kind="files", paths=str(tmp_path / name), columns={"text": "text"})
    with pytest.raises(RecipeError, match=message) as caught:
        source.check()
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "written", "named"),
    [
        ("제목,주제\n오늘의 글,1\n", "cp949", "cp949"),
        ("제목,주제\n오늘의 글,1\n", "euc-kr", "cp949"),
        ("제목,주제\n오늘의 글,1\n", "utf-16", "utf-16"),
        ("title,topic\na text,1\n", "utf-16-le", "utf-16-le"),
        ("título,tópico\nün café,1\n", "cp1252", "cp1252"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "txt", "CSV.GZ"])
def test_another_encoding_is_named_with_the_remedy_and_read_where_it_is_given(
    tmp_path: Path, text: str, written: str, named: str, suffix: str
) -> None:
    path, raw = tmp_path / f"old.{suffix}", text.encode(written)
    path.write_bytes(gzip.compress(raw) if suffix.lower().endswith("gz") else raw)
    with pytest.raises(
        RecipeError, match=rf"old.* is not UTF-8; it looks like {named}: set encoding: {named} "
    ):
        Files(paths=(str(path),)).check()
    source = Files(paths=(str(path),), encoding=named)
    source.check()
    rows = [row.fields for row in source.read() if isinstance(row, Record)]
    first, second = text.splitlines()
    expected = [dict(zip(first.split(","), second.split(","), strict=True))]
    assert rows == (expected if "csv" in suffix.lower() else [{"text": first}, {"text": second}])


def test_a_few_lines_of_other_bytes_are_dirt_and_not_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("좋은 글\n".encode() * 10 + "나쁜 글\n".encode("cp949"))
    source = Files(paths=(str(path),))
    source.check()
    assert [isinstance(row, Rejected) for row in source.read()] == [False] * 10 + [True]


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(ValidationError, match="unknown encoding 'cp994': did you mean 'cp949'"):
        Files(paths=("a.txt",), encoding="cp994")


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label,text\n가,1,나\n")
    (tmp_path / "two.csv").write_text("text,label,,\n가,1,,\n")
    table = pa.Table.from_arrays([pa.array(["가"]), pa.array(["나"])], names=["text", "text"])
    parquet.write_table(table, tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(RecipeError, match="the column 'text' is named twice"):
            Files(paths=(str(tmp_path / name),)).check()
    with pytest.raises(ValidationError, match="the column 'text' is named twice"):
        Files(paths=("b.csv",), header=("text", "label", "text"))
    unnamed = Files(paths=(str(tmp_path / "two.csv"),))
    unnamed.check()
    assert list(unnamed.read()) == [Record({"text": "가", "label": "1"}, "two.csv", 2)]


def test_names_are_the_same_however_their_hangul_is_written(tmp_path: Path) -> None:
    path = tmp_path / normalize("NFD", "자료.csv")
    path.write_text(normalize("NFD", "본문,주제\n") + "글,1\n", encoding="utf-8")
    for form in ("NFC", "NFD"):
        columns = {"text": normalize(form, "본문")}
        source = Files(paths=(str(tmp_path / normalize(form, "자료.csv")),), columns=columns)
        source.check()
        assert [row.fields["text"] for row in source.read() if isinstance(row, Record)] == ["글"]


@pytest.mark.parametrize(
    ("data", "what"), [(b"PK\x03\x04...", "a zip archive"), (b"7z\xbc\xaf\x27\x1c..", "a 7z archive")]
)
def test_other_packed_files_are_named(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(RecipeError, match=f"a.csv is {what}: unpack it"):
        Files(paths=(str(tmp_path / "a.csv"),)).check()


def test_packed_files_are_known_by_their_bytes_whatever_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "rows.data").write_bytes(gzip.compress("text\n가\n".encode()))
    source = Files(paths=(str(tmp_path / "rows.data"),), format="csv")
    source.check()
    assert [row.fields for row in source.read() if isinstance(row, Record)] == [{"text": "가"}]


def test_a_folder_in_place_of_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is a folder; name its files"):
        load(kind="files", paths=str(tmp_path)).check()


def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADWATER_DATA", raising=False)
    with pytest.raises(RecipeError, match="HEADWATER_DATA is not set"):
        load(kind="files", paths="${HEADWATER_DATA}/a.txt").check()


def test_gzip_that_breaks_later_passes_the_check_that_must_be_cheap(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"x\n" * 100_000)[:-20])
    load(kind="files", paths=str(tmp_path / "a.txt.gz")).check()


def test_identity_is_content_and_parsing_never_the_path(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    first, moved = tmp_path / "a.csv", tmp_path / "there" / "b.csv"
    first.write_text("text\n가\n")
    moved.write_text("text\n가\n")
    base = load(kind="files", paths=str(first)).identity()
    assert load(kind="files", paths=str(moved)).identity() == base
    assert load(kind="files", paths=str(moved), quoting=False).identity() != base
    assert load(kind="files", parts={"train": str(moved)}).identity() != base
    moved.write_text("text\n나다\n")
    assert load(kind="files", paths=str(moved)).identity() != base


def test_unknown_kinds_and_sources_without_files_are_refused() -> None:
    with pytest.raises(ValidationError, match="did you mean 'nsmc'"):
        load(kind="nscm")
    with pytest.raises(ValidationError, match="name at least one file"):
        load(kind="files")


def test_the_hub_without_a_network_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RecipeError, match=r"owner/name: the hub cannot say .* use 'files'") as caught:
        Hub(dataset="owner/name").check()
    assert "\n" not in str(caught.value)
    pinned = Hub(dataset="owner/name", revision="0" * 40)
    pinned.check()
    assert pinned.identity()["revision"] == "0" * 40


@pytest.mark.real
def test_nsmc_loses_no_row() -> None:
    folder = os.environ["HEADWATER_DATA"] + "/classification/nsmc/ratings_"
    source = load(
        kind="nsmc",
        train=f"{folder}train.txt",
        validation=f"{folder}validation.txt",
        test=f"{folder}test.txt",
    )
    source.check()
    found = Counter((type(item), item.part) for item in source.read())
    assert found == {(Record, "train"): 40_000, (Record, "validation"): 5_000, (Record, "test"): 5_000}


@pytest.mark.real
@pytest.mark.parametrize(
    ("path", "settings", "rows"),
    [
        ("corpus/*.jsonl.gz", {}, 433_322),
        ("pair/klue-nli/*.json", {"group": "premise"}, 3_000),
        ("pair/kornli/*.tsv", {"quoting": False}, 2_490),
        ("similarity/kor-sts/sts-train.tsv", {"quoting": False}, 5_749),
        ("generation/chatbot/ChatbotData.csv", {}, 11_823),
        ("pair/question_pair/train.txt", {"format": "tsv", "quoting": False}, 6_136),
    ],
)
def test_published_files_are_read_whole(path: str, settings: dict[str, Any], rows: int) -> None:
    source = Files(paths=("${HEADWATER_DATA}/" + path,), **settings)
    source.check()
    assert Counter(type(item) for item in source.read()) == {Record: rows}
