"""Own files in the dialects they come in: delimiters, workbooks, several columns as one text."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from pydantic import ValidationError

from models.errors import RecipeError
from tasks.reading.source import Record, Rejected
from tasks.sources.files import Files

TICKETS = [
    ("T-1", "No sound", "The speaker is mute.", "audio"),
    ("T-2", "", "Screen, keyboard and mouse are dead.", "hardware"),
    ("T-3", "Refund", "", "billing"),
]


def rows(source: Files) -> list[dict[str, Any]]:
    source.check()
    found = list(source.read())
    assert not [item for item in found if isinstance(item, Rejected)]
    return [dict(item.fields) for item in found if isinstance(item, Record)]


def write(path: Path, delimiter: str) -> Path:
    lines = [("ticket_id", "subject", "body", "team"), *TICKETS]
    quoted = [[f'"{cell}"' if delimiter in cell else cell for cell in line] for line in lines]
    path.write_text("".join(f"{delimiter.join(line)}\n" for line in quoted), encoding="utf-8")
    return path


@pytest.mark.parametrize("delimiter", [";", "|", "\t"])
def test_another_delimiter_is_named_and_read_where_it_is_given(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path / "tickets.csv", delimiter)
    written = r"\\t" if delimiter == "\t" else rf"\{delimiter}"
    with pytest.raises(
        RecipeError, match=rf'tickets.csv, line 1: .* set delimiter: "{written}" in its source'
    ):
        Files(paths=(str(path),)).check()
    found = rows(
        Files(paths=(str(path),), delimiter=delimiter, columns={"text": ("subject", "body"), "label": "team"})
    )
    assert [(row["text"], row["label"]) for row in found] == [
        ("No sound\nThe speaker is mute.", "audio"),
        ("Screen, keyboard and mouse are dead.", "hardware"),
        ("Refund", "billing"),
    ]
    recognised = Files.recognises(path)
    assert (
        recognised is not None
        and recognised.delimiter == delimiter
        and rows(recognised)[2]["subject"] == "Refund"
    )


def test_tab_may_be_written_by_its_name_and_other_things_are_no_delimiter() -> None:
    assert {Files(paths=("a.csv",), delimiter=tab).delimiter for tab in ("\t", "\\t", "tab")} == {"\t"}
    for wrong in ("", ";;", '"', "\n"):
        with pytest.raises(ValidationError, match="not one character"):
            Files(paths=("a.csv",), delimiter=wrong)


def test_a_comma_in_a_text_is_no_delimiter(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("text\nyes, but\nno, and, or\n")
    (tmp_path / "b.csv").write_text("a,b\n1;2,3\n")
    assert [row["text"] for row in rows(Files(paths=(str(tmp_path / "a.tsv"),)))] == [
        "yes, but",
        "no, and, or",
    ]
    assert rows(Files(paths=(str(tmp_path / "b.csv"),))) == [{"a": "1;2", "b": "3"}]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (("subject", "bdy"), "no column 'bdy': did you mean 'body'"),
        ("{subjct}: {body}", "no column 'subjct': did you mean 'subject'"),
        ("nothing.of", "no column 'nothing.of'"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_column_that_is_not_there_is_found_before_anything_runs(
    tmp_path: Path, made: Any, message: str, form: str
) -> None:
    path = write(tmp_path / "a.csv", ",") if form == "csv" else workbook(tmp_path / "a.xlsx")
    with pytest.raises(RecipeError, match=rf"a\.{form}: {message}"):
        Files(paths=(str(path),), columns={"text": made}).check()


def test_json_lines_of_which_no_row_has_a_column_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"doc": {"body": "x"}, "n": number}) for number in range(3)))
    assert rows(Files(paths=(str(path),), columns={"text": "{n}: {doc.body}"}))[2]["text"] == "2: x"
    with pytest.raises(
        RecipeError, match=r"no column 'doc.bdy', of which 'text' is made.* did you mean 'doc.body'"
    ):
        Files(paths=(str(path),), columns={"text": "doc.bdy"}).check()


def workbook(path: Path) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Tickets"
    sheet.append([])
    sheet.append(["ticket_id", "subject", "body", None, "when"])
    sheet.append([1, "No sound", "Mute.", "a note", datetime.datetime(2024, 5, 6)])
    sheet.append([])
    sheet.append([2, "Refund", None, None, datetime.datetime(2024, 5, 7, 8, 30)])
    sheet.append([2.5, "merged", "#N/A"])
    sheet["C6"].data_type = "e"
    book.save(path)
    return path


def test_a_workbook_keeps_its_numbers_dates_and_the_numbers_of_its_rows(tmp_path: Path) -> None:
    source = Files(
        paths=(str(workbook(tmp_path / "a.xlsx")),), columns={"text": "{subject} {when} {ticket_id}"}
    )
    source.check()
    found = [item for item in source.read() if isinstance(item, Record)]
    assert [(item.line, item.fields["text"]) for item in found] == [
        (3, "No sound 2024-05-06 1"),
        (5, "Refund 2024-05-07T08:30:00 2"),
        (6, "merged  2.5"),
    ]
    assert str(found[2].fields["body"]) == "#N/A in a cell" and "a note" not in found[0].fields.values()


def test_sheets_are_named_where_there_are_several(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    path = workbook(tmp_path / "a.xlsx")
    book = load_workbook(path)
    book.create_sheet("Notes")
    book.save(path)
    with pytest.raises(RecipeError, match=r"a.xlsx has several sheets \(Tickets, Notes\): set sheet:"):
        Files(paths=(str(path),)).check()
    with pytest.raises(RecipeError, match="no sheet 'Ticket': did you mean 'Tickets'"):
        Files(paths=(str(path),), sheet="Ticket").check()
    assert len(rows(Files(paths=(str(path),), sheet="Tickets"))) == 3
    recognised = Files.recognises(path)
    assert recognised is not None and recognised.sheet == "Tickets"


def test_a_workbook_of_another_name_and_one_that_is_none_are_named(tmp_path: Path) -> None:
    moved = workbook(tmp_path / "a.xlsx").rename(tmp_path / "a.csv")
    with pytest.raises(RecipeError, match=r"a.csv is a workbook of Excel: set format: xlsx"):
        Files(paths=(str(moved),)).check()
    (tmp_path / "b.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(RecipeError, match=r"b.xlsx cannot be read as a workbook"):
        Files(paths=(str(tmp_path / "b.xlsx"),)).check()


def test_files_are_recognised_by_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "korean.csv").write_bytes("제목;주제\n오늘의 글;1\n내일의 글;0\n".encode("cp949"))
    (tmp_path / "rows").write_text('{"text": "a"}\n')
    found = [Files.recognises(tmp_path / name) for name in ("korean.csv", "rows")]
    assert [rows(source)[-1] for source in found if source] == [
        {"제목": "내일의 글", "주제": "0"},
        {"text": "a"},
    ]
    assert Files.recognises(tmp_path / "none.csv") is None
