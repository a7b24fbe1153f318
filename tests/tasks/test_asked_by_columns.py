"""A model whose texts were made of other columns is asked by these, or by its own fields, in every way it answers."""

import json
from pathlib import Path

import mlflow.pyfunc
import pytest
from mlflow.pyfunc.scoring_server import init
from openpyxl import Workbook
from starlette.testclient import TestClient

from flows.cli import main
from models.adapted.serving import Served
from models.errors import DataError
from tests.support.untrained import untrained

COLUMNS = {"text": [["subject", "body"], "{doc.title}: {doc.body}"]}
WHOLE = "No sound\nThe speaker is mute."
REQUESTS = [
    {"subject": "No sound", "body": "The speaker is mute."},
    {"text": WHOLE},
    {"subject": "No sound", "body": "The speaker is mute.", "text": "another column of the file"},
    {"text": WHOLE, "subject": None, "body": " "},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained("classification", tmp_path_factory.mktemp("asked"), COLUMNS)


def read(model: Path, request: dict) -> object:
    return Served(model).asked.value(request, "text")


def test_columns_and_fields_say_the_same(model: Path) -> None:
    assert [read(model, request) for request in REQUESTS] == [WHOLE] * 4
    assert read(model, {"doc": {"title": "A", "body": 7}}) == "A: 7"
    assert read(model, {"body": "alone"}) == "alone"
    with pytest.raises(
        DataError, match=r"no text in field 'text' or 'subject', 'body' or 'doc.title', 'doc.body'"
    ):
        Served(model).predict([{"subjct": "x"}])
    with pytest.raises(DataError, match="no text in field 'text'"):
        Served(model).predict([{"subject": ["x"], "body": "y"}])


def test_mlflow_and_its_server_take_them(model: Path) -> None:
    loaded = mlflow.pyfunc.load_model(str(model))
    answer = loaded.predict(REQUESTS[:1])
    assert loaded.predict([{"text": WHOLE}]) == answer
    assert (
        list(loaded.input_example.columns) == ["subject", "body"]
        and len(loaded.predict(loaded.input_example)) == 2
    )
    names = {column.name: column.required for column in loaded.metadata.get_input_schema()}
    assert names == dict.fromkeys(["subject", "body", "doc.title", "doc", "doc.body", "text"], False)
    client = TestClient(init(loaded))
    for rows in ([REQUESTS[0]], [REQUESTS[1]], [{"doc": {"title": "No sound", "body": "?"}}], REQUESTS[:2]):
        reply = client.post("/invocations", json={"dataframe_records": rows})
        assert reply.status_code == 200, reply.text
        assert len(reply.json()["predictions"]) == len(rows)
    split = {"columns": ["body", "subject"], "data": [["The speaker is mute.", "No sound"]]}
    assert client.post("/invocations", json={"dataframe_split": split}).json() == {"predictions": answer}
    refused = client.post("/invocations", json={"dataframe_records": [{"team": "x"}]})
    assert refused.status_code == 400 and "no text in field 'text'" in refused.text


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_command_takes_them_in_json_and_in_files_of_any_form(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(model), json.dumps(REQUESTS[0]), WHOLE]) == 0
    first, second = lines(capsys)
    assert first == second
    (tmp_path / "old.csv").write_bytes("subject;body\n소리 없음;스피커가 조용하다\n".encode("cp949"))
    book = Workbook()
    for row in (["subject", "body"], ["No sound", "The speaker is mute."], [None, None], [None, 7]):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(tmp_path / "a.xlsx")
    assert main(["predict", str(model), "--file", str(tmp_path / "a.xlsx")]) == 0
    assert [(row["line"], row["label"]) for row in lines(capsys)] == [
        (2, first["label"]),
        (4, first["label"]),
    ]
    old = ["predict", str(model), "--file", str(tmp_path / "old.csv")]
    assert main(old) == 2
    assert "it looks like cp949: give --encoding cp949, or" in capsys.readouterr().err
    assert main([*old, "--encoding", "cp949"]) == 2
    assert 'give --delimiter ";"' in capsys.readouterr().err
    assert main([*old, "--encoding", "cp949", "--delimiter", ";"]) == 0
    assert len(lines(capsys)) == 1
    assert main([*old, "--encoding", "cp994"]) == 2
    assert "--encoding cp994: unknown encoding 'cp994': did you mean 'cp949'" in capsys.readouterr().err
