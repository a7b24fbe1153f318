"""KorQuAD: questions with answers, or paragraphs to be found; read whole, and what is malformed set aside."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from models.data import schemas as checked
from models.downstream.qa import QuestionAnswering
from models.errors import DataError, RecipeError
from tasks.reading.source import Record, Rejected
from tasks.sources.korquad import KorQuad


def question(name: str, text: str, *answers: tuple[int, str]) -> dict[str, Any]:
    return {
        "id": name,
        "question": text,
        "answers": [{"answer_start": start, "text": answer} for start, answer in answers],
    }


LAKE = {
    "context": "호수는 깊다. 물은 맑다.",
    "qas": [question("a", "호수는?", (4, "깊다")), question("b", "물은?", (8, "물은 맑다"), (11, "맑다"))],
}
HILL = {"context": "언덕은 낮다.", "qas": [question("c", "언덕은?", (0, "언덕은 낮다"))]}
ROAD = {"context": "길은 멀다.", "qas": [question("d", "길은?", (3, "멀다"))]}


def write(path: Path, *articles: Any) -> str:
    path.write_text(json.dumps({"version": "KorQuAD_v1.0_dev", "data": articles}), encoding="utf-8")
    return str(path)


def read(**settings: str) -> list[Record | Rejected]:
    source = KorQuad.model_validate(settings)
    source.check()
    return list(source.read())


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    return {
        "train": write(
            tmp_path / "train.json",
            {"title": "자연", "paragraphs": [LAKE, HILL]},
            {"title": "사람", "paragraphs": []},
        ),
        "test": write(tmp_path / "test.json", {"title": "마을", "paragraphs": [ROAD]}),
    }


def test_every_question_is_a_row_with_its_context(files: dict[str, str]) -> None:
    found = read(**files)
    assert found[1] == Record(
        {
            "id": "b",
            "title": "자연",
            "context": LAKE["context"],
            "question": "물은?",
            "answers": [{"start": 8, "text": "물은 맑다"}, {"start": 11, "text": "맑다"}],
        },
        "train.json",
        2,
        "train",
        "자연",
    )
    places = [
        (row.fields["id"], row.file, row.line, row.part, row.group)
        for row in found
        if isinstance(row, Record)
    ]
    assert places == [
        ("a", "train.json", 1, "train", "자연"),
        ("b", "train.json", 2, "train", "자연"),
        ("c", "train.json", 3, "train", "자연"),
        ("d", "test.json", 1, "test", "마을"),
    ]


def test_paragraphs_are_found_by_their_questions(files: dict[str, str]) -> None:
    found = [row for row in read(view="retrieval", **files) if isinstance(row, Record)]
    assert [(row.fields["id"], row.fields["text"], row.fields["passage"]) for row in found] == [
        ("paragraph:1", LAKE["context"], True),
        ("a", "호수는?", False),
        ("b", "물은?", False),
        ("paragraph:2", HILL["context"], True),
        ("c", "언덕은?", False),
        ("paragraph:3", ROAD["context"], True),
        ("d", "길은?", False),
    ]
    assert [row.fields["relevant"] for row in found[:3]] == [None] + [
        [{"passage_id": "paragraph:1", "grade": 1}]
    ] * 2
    assert [(row.line, row.part, row.group) for row in found[3:]] == [
        (2, "train", "자연"),
        (3, "train", "자연"),
        (1, "test", "마을"),
        (1, "test", "마을"),
    ]


def test_a_paragraph_that_comes_twice_is_one_passage(tmp_path: Path) -> None:
    again = {**HILL, "qas": [question("e", "무엇이 낮나?", (0, "언덕"))]}
    train = write(tmp_path / "a.json", {"title": "자연", "paragraphs": [HILL, LAKE, again]})
    test = write(tmp_path / "b.json", {"title": "마을", "paragraphs": [ROAD, HILL]})
    found = [row.fields for row in read(view="retrieval", train=train, test=test) if isinstance(row, Record)]
    passages = {row["id"]: row["text"] for row in found if row["passage"]}
    assert passages == {
        "paragraph:1": HILL["context"],
        "paragraph:2": LAKE["context"],
        "paragraph:3": ROAD["context"],
    }
    asked = [(row["id"], row["relevant"][0]["passage_id"]) for row in found if not row["passage"]]
    assert [place for name, place in asked if name in "ce"] == ["paragraph:1"] * 3


@pytest.mark.parametrize(
    ("broken", "field", "reason"),
    [
        ("글", "", "not a JSON object"),
        ({"question": "?", "answers": []}, "id", "missing"),
        ({"id": 7, "question": "?", "answers": []}, "id", "not text"),
        ({"id": "x", "answers": []}, "question", "missing"),
        ({"id": "x", "question": "?"}, "answers", "missing"),
        ({"id": "x", "question": "?", "answers": {"text": "글"}}, "answers", "not an array"),
        ({"id": "x", "question": "?", "answers": ["글"]}, "answers", "without text"),
        ({"id": "x", "question": "?", "answers": [{"answer_start": 0}]}, "answers", "without text"),
        (
            {"id": "x", "question": "?", "answers": [{"answer_start": "0", "text": "글"}]},
            "answers",
            "without a whole number as answer_start",
        ),
    ],
)
def test_a_malformed_question_is_set_aside_and_the_others_read(
    tmp_path: Path, broken: Any, field: str, reason: str
) -> None:
    paragraph = {**LAKE, "qas": [LAKE["qas"][0], broken, LAKE["qas"][1]]}
    found = read(train=write(tmp_path / "a.json", {"title": "자연", "paragraphs": [paragraph]}))
    assert [type(row) for row in found] == [Record, Rejected, Record]
    assert isinstance(wrong := found[1], Rejected)
    assert (wrong.file, wrong.line, wrong.field, wrong.reason) == ("a.json", 2, field, reason)
    assert found[2].line == 3


def test_malformed_articles_and_paragraphs_are_set_aside(tmp_path: Path) -> None:
    articles = [
        "글",
        {"title": "없음"},
        {"title": "자연", "paragraphs": ["글", {"context": "글"}, {"context": None, "qas": []}, HILL]},
    ]
    found = read(train=write(tmp_path / "a.json", *articles))
    assert [(row.line, row.category) for row in found if isinstance(row, Rejected)] == [
        (1, "not a JSON object"),
        (2, "paragraphs: not an array"),
        *[(3, "paragraphs: without context and qas")] * 3,
    ]
    assert [row.fields["id"] for row in found if isinstance(row, Record)] == ["c"]


def test_an_article_without_a_title_stays_together(tmp_path: Path) -> None:
    found = read(train=write(tmp_path / "a.json", {"paragraphs": [LAKE, HILL]}, {"paragraphs": [ROAD]}))
    assert [row.group for row in found if isinstance(row, Record)] == ["article:1"] * 3 + ["article:2"]


def test_answers_that_are_not_in_their_place_are_left_to_the_schema(tmp_path: Path) -> None:
    moved = {**HILL, "qas": [question("x", "언덕은?", (1, "언덕은")), question("y", "언덕은?"), *HILL["qas"]]}
    found = read(train=write(tmp_path / "a.json", {"title": "자연", "paragraphs": [moved]}))
    frame = pl.DataFrame(
        [
            {**row.fields, "file": row.file, "line": row.line, "part": "", "group": ""}
            for row in found
            if isinstance(row, Record)
        ]
    )
    kept, quarantine = checked.check(frame, QuestionAnswering().schema())
    assert kept["id"].to_list() == ["c"]
    assert quarantine["reason"].to_list() == [
        "not in the context at its start",
        "no answer, for which there is 'unanswerable: true'",
    ]


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[]")
    with pytest.raises(RecipeError, match=r"a\.json, line 1: not a JSON object of the form of SQuAD"):
        read(train=str(path))
    path.write_text('{"rows": []}')
    with pytest.raises(DataError, match=r"a\.json: there is no array at 'data'"):
        read(train=str(path))
    with pytest.raises(ValidationError, match="view"):
        KorQuad.model_validate({"train": str(path), "view": "titles"})


def test_the_view_is_part_of_what_a_source_is_known_by(files: dict[str, str]) -> None:
    qa, retrieval = (
        KorQuad.model_validate({"view": view, **files}).identity() for view in ("qa", "retrieval")
    )
    assert qa != retrieval
    assert not any(str(path) in json.dumps(qa) for path in files.values())


@pytest.mark.real
def test_korquad_is_read_whole() -> None:
    path = os.environ["HEADWATER_DATA"] + "/qa/korquad/KorQuAD_v1.0_dev.json"
    rows = [row.fields for row in read(train=path) if isinstance(row, Record)]
    assert len(rows) == 5_774
    starts = [row["answers"][0]["start"] for row in rows]
    ends = [row["answers"][0]["start"] + len(row["answers"][0]["text"]) for row in rows]
    assert starts.count(0) == 241
    assert round(100 * sum(end > 200 for end in ends) / len(rows)) == 47
    for row in rows:
        for answer in row["answers"]:
            assert row["context"][answer["start"] :].startswith(answer["text"])

    found = [row for row in read(train=path, view="retrieval") if isinstance(row, Record)]
    kinds = Counter(row.fields["passage"] for row in found)
    assert kinds == {True: 961, False: 5_774}
    assert len({row.fields["id"] for row in found}) == len(found)
    named = {row.fields["id"] for row in found if row.fields["passage"]}
    asked = {item["passage_id"] for row in found for item in row.fields["relevant"] or ()}
    assert asked < named and len(named - asked) == 1  # one paragraph has no question
