"""A pretrained model is registered, answers over HTTP, and the newest is the champion unless a person chose."""

import json
from pathlib import Path

import mlflow.pyfunc
import pytest
from fastapi.testclient import TestClient
from mlflow.pyfunc import scoring_server

from flows.commands.predict import predict
from flows.commands.promote import promote, rollback
from models.backbone.config import ModelConfig
from models.errors import RecipeError
from models.pretrained import PretrainedConfig
from tasks.fetch import fetch
from tasks.graph import refs
from tasks.graph.refs import About
from tasks.register import RegisterConfig, register
from tasks.running.execution import RunContext
from tasks.storage import artifacts, connection
from tasks.storage.champions import Champions
from tasks.tokenizer import LearnConfig, tokenizer
from tests.support import standard
from tests.support.demo_chain import SMALL, WORDS, untrained
from tests.support.making import make


def registered(context: RunContext, entry: str, model: refs.Model, manual: bool = False) -> refs.Promotion:
    ref = register(
        RegisterConfig(recipe="toy", entry=entry, manual=manual), about=About(upstream=entry), model=model
    )
    make(ref, context)
    return ref


def pretrained(hidden: int) -> refs.Model:
    size = ModelConfig.model_validate(SMALL.model_dump() | {"hidden_size": hidden})
    return untrained(size, words=WORDS)


def test_it_answers_by_name_by_path_from_a_file_and_over_http(
    context: RunContext, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = pretrained(32)
    registered(context, "mlm", model)
    for name in ("toy-mlm@champion", "toy-mlm", "models:/toy-mlm/1", str(artifacts.files(model) / "model")):
        assert predict(name, ["음악이 [MASK]"], None, None) == 0
    first, *others = map(json.loads, capsys.readouterr().out.splitlines())
    assert len(first["blanks"][0]) == 5 and all(other == first for other in others)
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows.write_text('{"text": "음악이 ___", "top": 2}\n{"text": "음악이"}\n', encoding="utf-8")
    assert predict("toy-mlm@champion", [], rows, out) == 1
    with pytest.raises(RecipeError, match="unknown field 'topp' in the input: did you mean 'top'"):
        predict("toy-mlm@champion", ['{"text": "음악이 [MASK]", "topp": 2}'], None, None)
    two, bad = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert two["blanks"][0] == first["blanks"][0][:2] and "no blank" in bad["error"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", connection.tracking_uri())
    mlflow.set_tracking_uri(connection.tracking_uri())
    loaded = mlflow.pyfunc.load_model("models:/toy-mlm@champion")
    assert "blanks" in loaded.predict(loaded.input_example)[0]
    server = TestClient(scoring_server.init(loaded), raise_server_exceptions=False)
    records = [{"text": "음악이 [MASK]", "top": 2}, {"text": "음악이 [MASK]"}]
    answer = server.post("/invocations", json={"dataframe_records": records})
    assert answer.json()["predictions"] == [
        {"text": first["text"], "blanks": [first["blanks"][0][:2]]},
        first,
    ]
    refused = server.post("/invocations", json={"dataframe_records": [{"text": "음악이"}]})
    assert refused.status_code == 400 and "no blank" in refused.json()["message"]
    champion = connection.client().get_model_version_by_alias("toy-mlm", "champion")
    assert "fills in blanks" in champion.description
    card = connection.client().download_artifacts(str(champion.run_id), "README.md", str(tmp_path))
    assert "[MASK]" in Path(card).read_text(encoding="utf-8")


def test_the_newest_is_the_champion_unless_a_person_chose(
    context: RunContext, capsys: pytest.CaptureFixture[str]
) -> None:
    def champion() -> str | None:
        return Champions("toy-newest").current

    first = registered(context, "newest", pretrained(32))
    assert champion() == "1" and artifacts.look_up(first) is not None
    registered(context, "newest", pretrained(48))
    assert champion() == "2"
    registered(context, "newest", pretrained(64), manual=True)
    assert champion() == "2"
    assert rollback("toy-newest", "") == 0 and champion() == "1"
    assert artifacts.look_up(first) is not None  # a hit: the alias is a person's business
    assert promote("toy-newest", "3", "") == 0 and champion() == "3"
    connection.client().set_registered_model_alias("toy-newest", "champion", "2")
    registered(context, "newest", pretrained(80))
    assert champion() == "2"  # by hand
    connection.client().delete_registered_model_alias("toy-newest", "champion")
    assert artifacts.look_up(first) is None
    capsys.readouterr()


def test_a_model_that_is_brought_along_goes_on_with_a_text(
    context: RunContext, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(standard.save("gpt2", tmp_path / "mine"))
    words = tokenizer(LearnConfig(pretrained=folder), shards=())
    registered(context, "mine", fetch(PretrainedConfig(pretrained=folder), tokenizer=words))
    assert (
        predict(
            "toy-mine@champion", ['{"text": "음악이", "temperature": 0, "max_new_tokens": 3}'], None, None
        )
        == 0
    )
    by_name = json.loads(capsys.readouterr().out)
    assert predict(folder, ['{"text": "음악이", "temperature": 0, "max_new_tokens": 3}'], None, None) == 0
    assert json.loads(capsys.readouterr().out) == by_name
    assert by_name["text"].startswith("음악이")
