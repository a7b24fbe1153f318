"""Readers of general forms: SQuAD, BEIR, chats and exports of annotation tools. Every object is a row or set aside."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from models.data import schemas
from models.data.ingestion import Ingestion
from models.downstream.retrieval import Retrieval
from models.errors import RecipeError
from tasks.reading.source import FileSource, Record, Rejected
from tasks.sources.annotations import Annotations
from tasks.sources.beir import Beir
from tasks.sources.chat import Chat
from tasks.sources.files import Files
from tasks.sources.squad import Squad


def objects(path: Path, *rows: Any) -> str:
    array = path.suffix == ".json"
    path.write_text(
        json.dumps(rows) if array else "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )
    return str(path)


def read(source: FileSource) -> list[Record | Rejected]:
    source.check()
    return list(source.read())


def reasons(found: list[Record | Rejected]) -> list[str]:
    return [item.category if isinstance(item, Rejected) else "" for item in found]


# ---- SQuAD

CONTEXT = "도서관은 언덕 위에 있다."
ARTICLE = {
    "title": "마을",
    "paragraphs": [
        {
            "context": CONTEXT,
            "qas": [
                {
                    "id": "1",
                    "question": "어디?",
                    "answers": [{"answer_start": 5, "text": "언덕 위"}],
                    "is_impossible": False,
                },
                {
                    "id": "2",
                    "question": "누구?",
                    "answers": [],
                    "is_impossible": True,
                    "plausible_answers": [{}],
                },
                {"id": "3", "question": "왜?"},
                {
                    "id": "4",
                    "question": "?",
                    "answers": [{"answer_start": 5, "text": "x"}],
                    "is_impossible": True,
                },
            ],
        }
    ],
}


def test_squad_2_has_questions_without_answers(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text(json.dumps({"version": "v2.0", "data": [ARTICLE]}), encoding="utf-8")
    source = Squad.recognises(tmp_path / "dev.json")
    assert source is not None
    found = read(source)
    assert reasons(found) == ["", "", "answers: missing", "answers: there, though the question is impossible"]
    first, second = found[:2]
    assert isinstance(first, Record) and isinstance(second, Record)
    assert first.fields["answers"] == [{"start": 5, "text": "언덕 위"}] and first.group == "마을"
    assert second.fields["answers"] == [] and second.fields["context"] == CONTEXT
    assert (
        len(read(Squad(paths=(str(tmp_path / "dev.json"),), view="retrieval"))) == 3
    )  # a passage, and two that ask for it


# ---- BEIR


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    (tmp_path / "qrels").mkdir()
    corpus = [{"_id": str(at), "title": "제목" if at else "", "text": f"글 {at}"} for at in range(3)]
    lines = "".join(json.dumps(row) + "\n" for row in [*corpus, {"text": "no id"}])
    (tmp_path / "corpus.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    objects(tmp_path / "queries.jsonl", *({"_id": str(at), "text": f"질문 {at}"} for at in range(4)))
    head = "query-id\tcorpus-id\tscore\n"
    (tmp_path / "qrels" / "train.tsv").write_text(f"{head}0\t0\t1\n0\t1\t2\n1\t2\tx\n1\t1\t1\n")
    (tmp_path / "qrels" / "test.tsv").write_text(f"{head}0\t2\t1\n2\t9\t1\n")
    return tmp_path


def test_a_beir_folder_is_passages_and_queries_by_the_parts_that_judge_them(
    beir: Path, tmp_path: Path
) -> None:
    source = Beir.recognises(beir)
    assert source is not None and Beir.recognises(beir / "corpus.jsonl.gz") == source
    source.check()
    (out := tmp_path / "out").mkdir()
    counts = Ingestion(False, None, out).run(source.read(), out)
    assert (counts["read"], counts["kept"]) == (9, 7)
    assert counts["quarantined"] == {"_id: missing": 1, "grade: not a whole number": 1}
    rows = Retrieval()
    kept, bad = schemas.check(pl.read_parquet(out / "rows.parquet"), rows.schema(), rows.pool, rows.refers)
    assert bad["reason"].to_list() == ["names a passage that is not there"]
    passages = dict(kept.filter("passage").select("text", "id").iter_rows())
    assert list(passages) == ["글 0", "제목\n글 1", "제목\n글 2"]
    asked = {
        (row["part"], row["text"]): {item["passage_id"]: item["grade"] for item in row["relevant"]}
        for row in kept.filter(~pl.col("passage")).iter_rows(named=True)
    }
    assert asked == {
        ("train", "질문 0"): {passages["글 0"]: 1, passages["제목\n글 1"]: 2},
        ("train", "질문 1"): {passages["제목\n글 1"]: 1},
        ("test", "질문 0"): {passages["제목\n글 2"]: 1},
    }


@pytest.mark.parametrize(
    ("gone", "message"),
    [("queries.jsonl", "no queries.jsonl in it"), ("qrels/train.tsv qrels/test.tsv", "no judgements in it")],
)
def test_what_a_beir_folder_lacks_is_named(beir: Path, gone: str, message: str) -> None:
    for name in gone.split():
        (beir / name).unlink()
    with pytest.raises(RecipeError, match=message):
        Beir(path=str(beir)).check()


# ---- chats

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": [{"type": "text", "text": "How"}, {"type": "text", "text": "are you?"}]},
    {"role": "assistant", "content": "Fine."},
]
SHARE_GPT = [
    {"from": "gpt", "value": "Welcome"},
    {"from": "human", "value": "Bye"},
    {"from": "gpt", "value": "Bye!"},
]


def test_turns_before_an_answer_are_its_prompt(tmp_path: Path) -> None:
    path = objects(tmp_path / "a.jsonl", {"id": 7, "messages": TALK}, {"conversations": SHARE_GPT})
    source = Chat.recognises(Path(path))
    assert source == Chat(paths=(path,))
    first, second = read(Chat(paths=(path,)))
    assert isinstance(first, Record) and isinstance(second, Record)
    assert first.fields["prompt"].split("\n") == [
        "system: Be brief.", "user: Hi", "assistant: Hello!", "user: How", "are you?", "assistant:",
    ]  # fmt: skip
    assert (first.fields["target"], first.group, second.line) == ("Fine.", "7", 2)
    assert second.fields["prompt"] == "assistant: Welcome\nuser: Bye\nassistant:"
    every = read(
        Chat(paths=(path,), turns="all", system=False, turn="<{role}>{content}", roles={"user": "손님"})
    )
    assert [item.fields["prompt"] for item in every if isinstance(item, Record)] == [
        "<손님>Hi\n<assistant>",
        "<손님>Hi\n<assistant>Hello!\n<손님>How\nare you?\n<assistant>",
        "<assistant>Welcome\n<손님>Bye\n<assistant>",
    ]
    assert len({item.fields["id"] for item in every if isinstance(item, Record)}) == 3


def test_malformed_conversations_are_set_aside_with_the_reason(tmp_path: Path) -> None:
    image = {"role": "user", "content": [{"type": "image_url"}]}
    bad = [
        ({"messages": TALK[:2]}, "messages: no turn of the assistant"),
        ({"messages": [TALK[2]]}, "messages: nothing is said before the answer"),
        ({"messages": [image, TALK[2]]}, "messages: a turn with a part that is no text"),
        (
            {"messages": [TALK[1], {"role": "assistant", "content": None}]},
            "messages: a turn that says nothing",
        ),
        ({"messages": [TALK[1], {"content": "x"}]}, "messages: a turn without a role"),
        ({"text": "x"}, "messages: missing"),
    ]
    found = read(Chat(paths=(objects(tmp_path / "a.jsonl", {"messages": TALK}, *(row for row, _ in bad)),)))
    assert reasons(found) == ["", *(reason for _, reason in bad)]
    with pytest.raises(
        RecipeError, match=r"b\.jsonl, row 1: no file of chat: messages: missing; there are text"
    ):
        read(Chat(paths=(objects(tmp_path / "b.jsonl", {"text": "x"}),)))


# ---- annotations

TEXT = "🙂 민수는 서울에 산다"


def spans(item: Record | Rejected) -> list[tuple[str, str]]:
    assert isinstance(item, Record), item
    text = item.fields["text"]
    return [(text[found["start"] : found["end"]], found["type"]) for found in item.fields["entities"]]


def label_studio(*annotations: dict[str, Any]) -> dict[str, Any]:
    return {"id": 1, "data": {"text": TEXT}, "annotations": list(annotations)}


def marked(*values: tuple[int, int, str, str], **more: Any) -> dict[str, Any]:
    names = ("start", "end", "text", "labels")
    result = [
        {"type": "labels", "value": dict(zip(names, (*value[:3], [value[3]]), strict=True))}
        for value in values
    ]
    return {"result": result, **more}


SEOUL = (7, 9, "서울", "LOC")  # as a browser counts
PERSON_AND_PLACE = [("민수", "PER"), ("서울", "LOC")]


PLACE = [("서울", "LOC")]
DOCCANO = {"id": 1, "label": "LOC", "start_offset": 6, "end_offset": 8}
JSON_MIN = {"start": 7, "end": 9, "text": "서울", "labels": ["LOC"]}
PRODIGY = {"start": 6, "end": 8, "label": "LOC"}


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        ("a.jsonl", {"text": TEXT, "label": [[2, 4, "PER"], [6, 8, "LOC"]]}, PERSON_AND_PLACE),
        ("a.jsonl", {"data": TEXT, "label": [[6, 8, "LOC"]]}, PLACE),
        ("a.jsonl", {"text": TEXT, "entities": [DOCCANO]}, PLACE),
        ("a.jsonl", {"text": TEXT, "spans": [PRODIGY], "answer": "accept"}, PLACE),
        ("a.jsonl", {"text": TEXT, "spans": []}, []),
        ("a.json", label_studio(marked((3, 5, "민수", "PER"), SEOUL)), PERSON_AND_PLACE),
        ("a.json", label_studio(marked(), marked(SEOUL, ground_truth=True)), PLACE),
        ("a.json", {"text": TEXT, "label": [JSON_MIN]}, PLACE),
        ("a.jsonl", {"tokens": ["서울", "에"], "ner_tags": ["B-LOC", "I-LOC"]}, [("서울 에", "LOC")]),
        ("a.jsonl", {"tokens": ["서울", "시"], "tags": ["B-LOC", "E-LOC"]}, [("서울 시", "LOC")]),
        ("a.jsonl", {"tokens": ["서울", "시"], "tags": ["LOC", "O"]}, PLACE),
    ],
)
def test_every_tool_is_read_by_the_form_of_its_objects(
    tmp_path: Path, name: str, row: dict, expected: list
) -> None:
    path = objects(tmp_path / name, row)
    (found,) = read(Annotations(paths=(path,)))
    assert spans(found) == expected
    assert Annotations.recognises(Path(path)) is not None and Chat.recognises(Path(path)) is None


def test_tags_that_are_numbers_need_names(tmp_path: Path) -> None:
    rows = [{"tokens": ["a", "b", "c"], "ner_tags": tags} for tags in ([1, 2, 0], [0, 2, 0], [0, 9, 0])]
    path = objects(tmp_path / "a.jsonl", *rows)
    with pytest.raises(RecipeError, match="'names' does not say what they are called"):
        read(Annotations(paths=(path,)))
    found = read(Annotations(paths=(path,), names=("O", "B-PER", "I-PER")))
    assert spans(found[0]) == [("a b", "PER")]
    assert reasons(found)[1:] == [
        "ner_tags: I- continues no entity",
        "ner_tags: a number that 'names' has no name for",
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": TEXT, "spans": [], "answer": "reject"}, "answer: reject: not accepted"),
        ({"text": TEXT, "label": ["pos"]}, "label: not start, end and type"),
        ({"text": TEXT, "label": [[1.5, 2, "A"]]}, "entities: without whole numbers as start and end"),
        (
            {"text": TEXT},
            "entities: missing: neither spans, label, labels, entities nor annotations is a list",
        ),
        ({"label": [[0, 1, "A"]]}, "text: missing"),
        (label_studio(marked((0, 2, "서울", "LOC"))), "entities: does not stand where it says"),
        (label_studio(marked(SEOUL), marked()), "annotations: annotators disagree"),
        (label_studio(marked(SEOUL, was_cancelled=True)), "annotations: none that was not cancelled"),
        ({"tokens": ["a"], "ner_tags": ["I-A"]}, "ner_tags: I- continues no entity"),
        ({"tokens": ["a"], "ner_tags": ["O", "O"]}, "ner_tags: not a tag for each token"),
    ],
)
def test_what_does_not_fit_is_set_aside(tmp_path: Path, row: dict, reason: str) -> None:
    good = {"text": TEXT, "spans": []}
    assert reasons(read(Annotations(paths=(objects(tmp_path / "a.jsonl", good, row),)))) == ["", reason]


def test_plain_rows_are_no_file_of_a_reader(tmp_path: Path) -> None:
    path = Path(objects(tmp_path / "a.jsonl", {"text": "a", "label": "b"}))
    assert [kind.recognises(path) for kind in (Annotations, Chat, Squad, Beir)] == [None] * 4
    assert Files.recognises(path) is not None
