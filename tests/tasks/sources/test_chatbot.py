"""Chatbot_data: questions with answers, read whole and seen two ways."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from models.errors import RecipeError
from tasks.reading.source import Record, Rejected
from tasks.sources.chatbot import Chatbot

LINES = [
    "Q,A,label",
    "밥은 먹었어?,네.,0",
    '"비, 그쳤나","""곧"" 그쳐요, 아마",0',
    "  밥은  먹었어？,아직요.,0",
    "그만 만나자,알겠어요.,1",
    "고백할까,용기 내요.,2",
    "누구세요,저예요.,7",
    "짧은 줄,끝",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "ChatbotData.csv"
    file.write_bytes("\r\n".join([*LINES, ""]).encode())
    return file


def read(path: Path, **settings: Any) -> list[Record | Rejected]:
    source = Chatbot(path=str(path), **settings)
    source.check()
    return list(source.read())


def records(path: Path, **settings: Any) -> list[Record]:
    return [row for row in read(path, **settings) if isinstance(row, Record)]


def test_questions_are_answered(path: Path) -> None:
    rows = read(path)
    assert rows[:2] == [
        Record(
            {"prompt": "밥은 먹었어?", "target": "네.", "label": "0"},
            "ChatbotData.csv",
            2,
            group="밥은 먹었어?",
        ),
        Record(
            {"prompt": "비, 그쳤나", "target": '"곧" 그쳐요, 아마', "label": "0"},
            "ChatbotData.csv",
            3,
            group="비, 그쳤나",
        ),
    ]
    assert rows[-1] == Rejected("ChatbotData.csv", 8, "", "too few columns", "짧은 줄,끝")
    assert len(rows) == len(LINES) - 1


def test_questions_are_classified_and_unknown_labels_stay(path: Path) -> None:
    rows = records(path, view="classification")
    assert [row.fields["label"] for row in rows] == ["everyday"] * 3 + ["parting", "love", "7"]
    assert all(set(row.fields) == {"text", "label"} and row.part == "" for row in rows)


@pytest.mark.parametrize("view", ["generation", "classification"])
def test_the_same_question_is_one_group_however_it_is_written(path: Path, view: str) -> None:
    rows = records(path, view=view)
    assert rows[0].group == rows[2].group
    assert len({row.group for row in rows}) == 5


def test_another_header_is_refused(path: Path) -> None:
    path.write_text("question,answer\n밥은?,네\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"line 1: .*columns Q, A, label, not question, answer"):
        Chatbot(path=str(path)).check()


def test_a_missing_file_and_an_unknown_view_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such file"):
        Chatbot(path=str(tmp_path / "none.csv")).check()
    with pytest.raises(ValidationError, match="view"):
        Chatbot.model_validate({"path": "a.csv", "view": "ner"})


def test_identity_is_content_and_view_never_the_path(path: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.csv"
    moved.write_bytes(path.read_bytes())
    base = Chatbot(path=str(path)).identity()
    assert Chatbot(path=str(moved)).identity() == base
    assert Chatbot(path=str(path), view="classification").identity() != base
    moved.write_bytes(path.read_bytes() + "더,네,0\r\n".encode())
    assert Chatbot(path=str(moved)).identity() != base


@pytest.mark.real
def test_the_published_file_loses_no_row() -> None:
    path = Path(os.environ["HEADWATER_DATA"]) / "generation" / "chatbot" / "ChatbotData.csv"
    rows = records(path)
    assert len(rows) == len(read(path)) == 11_823
    assert all(row.fields["prompt"].strip() and row.fields["target"].strip() for row in rows)
    labels = Counter(row.fields["label"] for row in records(path, view="classification"))
    # One published label has spaces after it: no label that is known, so a recipe's `classes` set it aside.
    assert labels == {"everyday": 5_290, "parting": 3_570, "love": 2_962, "2   ": 1}
