"""Whatever is asked of a served model: a right answer, or a 4xx with the reason; and it stays up."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pytest
from fastapi.testclient import TestClient
from httpx import Response
from mlflow.pyfunc import scoring_server

from flows.commands.predict import predict
from tests.support.untrained import untrained

JSON = "application/json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained("classification", tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="module")
def server(folder: Path) -> TestClient:
    """MLflow's own server, in this process."""
    made = scoring_server.init(mlflow.pyfunc.load_model(str(folder)))
    return TestClient(made, raise_server_exceptions=False)


def sent(server: TestClient, body: bytes, content_type: str | None = JSON) -> Response:
    headers = {} if content_type is None else {"content-type": content_type}
    return server.post("/invocations", content=body, headers=headers)


def asked(server: TestClient, *rows: Any) -> Response:
    return sent(server, json.dumps({"dataframe_records": rows}).encode())


def texts(count: int) -> list[str]:
    """From a word to ten thousand letters, in several scripts."""
    words = ("음악이 훌륭했다", "music", "مرحبا بالعالم", "音楽", "🙂👍🏽", "a\u0000b")
    return [f"{words[number % len(words)]} {number} " * (1 + number % 7) for number in range(count - 1)] + [
        "가나다라 " * 2_000
    ]


def test_a_batch_of_a_thousand_is_answered_as_predict_does(
    server: TestClient, folder: Path, tmp_path: Path
) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    every = texts(1000)
    rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in every))
    assert predict(str(folder), [], rows, out) == 0
    expected = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    found = asked(server, *({"text": text} for text in every)).json()["predictions"]
    assert [{**answer, "line": line} for line, answer in enumerate(found, start=1)] == expected


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": ""}, "no text in field 'text'"),
        ({"text": " \n"}, "no text in field 'text'"),
        ({"text": 1}, "no text in field 'text'"),
        ({"text": None}, "no text in field 'text'"),
        ({"text": True}, "no text in field 'text'"),
        ({"text": {"a": 1}}, "no text in field 'text'"),
        ({"text": ["a"]}, "no text in field 'text'"),
        ({"text": "\ud800"}, "surrogates not allowed"),
        ({"txet": "a"}, "missing inputs ['text']"),
        ({}, "missing inputs ['text']"),
        ("a", "missing inputs ['text']"),
    ],
    ids=str,
)
def test_a_row_that_cannot_be_answered_is_a_400_with_the_reason(
    server: TestClient, row: Any, reason: str
) -> None:
    answer = asked(server, row)
    assert answer.status_code == 400
    assert reason in answer.json()["message"]


def test_the_row_that_is_wrong_among_others_is_named(server: TestClient) -> None:
    answer = asked(server, {"text": "a"}, {"text": None}, {"text": "b"})
    assert answer.status_code == 400
    assert "request 2: no text in field 'text'" in answer.json()["message"]


def test_what_is_not_asked_for_changes_nothing(server: TestClient) -> None:
    assert asked(server, {"text": "a", "x": {"y": [1]}}).json() == asked(server, {"text": "a"}).json()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", JSON, 400),
        (b"", JSON, 400),
        (b"null", JSON, 400),
        (b"[1]", JSON, 400),
        (b"{}", JSON, 400),
        (b"\xff", JSON, 400),
        (b'{"dataframe_records": "a"}', JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b'{"inputs": %s}' % (b"9" * 5_000), JSON, 400),
        (b'{"inputs": ["a"]}', None, 415),
        (b'{"inputs": ["a"]}', "text/plain", 415),
        (b'text\n"a', "text/csv", 400),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_read_is_the_clients_fault(
    server: TestClient, body: bytes, content_type: str | None, status: int
) -> None:
    answer = sent(server, body, content_type)
    assert (answer.status_code, bool(answer.text)) == (status, True)
    assert asked(server, {"text": "a"}).status_code == 200


def test_many_ask_at_once_and_each_gets_its_own_answer(server: TestClient) -> None:
    def answer(text: str) -> dict[str, Any]:
        return asked(server, {"text": text}).json()["predictions"][0]

    every = texts(48)
    alone = [answer(text) for text in every]
    with ThreadPoolExecutor(8) as clients:
        found = list(clients.map(answer, every))
    assert [item["label"] for item in found] == [item["label"] for item in alone]
    for one, other in zip(found, alone, strict=True):  # the last digit may change with what is beside it
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1.5e-5)
