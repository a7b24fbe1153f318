"""Secrets of the environment and of addresses are nowhere in what a run leaves behind, nor in what it says."""

import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks import environment
from tests.support.recipes import on_files, write, write_corpus, write_labelled

CANARY = "kanari0vogel"


def _holding(folder: Path, name: str) -> list[Path]:
    """Files with this in them. Another process reads them: one that closes the file of a database loses the locks that
    SQLite has in it, and finds it damaged when others have written there."""
    found = subprocess.run(["grep", "-rlaF", name, str(folder)], capture_output=True, text=True, check=False)
    assert found.returncode < 2, found.stderr
    return [Path(line) for line in found.stdout.splitlines()]


def test_canaries_are_nowhere_after_a_run(
    headwater: Callable, home: Path, prefect_server: str, tmp_path: Path
) -> None:
    place = tmp_path / f"{CANARY}-place"
    place.mkdir()
    rows = write_labelled(place / "rows")
    corpus = write_corpus(place / "corpus.jsonl.gz")
    named = {part: f"${{STREAM}}/rows/{Path(path).name}" for part, path in rows.items()}
    recipe = on_files(Path(f"${{STREAM}}/{corpus.name}"), named)
    own = tmp_path / "own"
    environment = {
        "HEADWATER_HOME": str(own),
        "PREFECT_API_URL": prefect_server.replace("://", f"://anna:{CANARY}@"),
        "STREAM": str(place),
        "HF_TOKEN": f"hf_{CANARY}",
        "AWS_ACCESS_KEY_ID": f"AK{CANARY}",
        "AWS_SECRET_ACCESS_KEY": f"secret/{CANARY}",
        "MLFLOW_TRACKING_PASSWORD": CANARY,
        "HEADWATER_NOTIFY": f"https://hooks.example.org/{CANARY}",
    }
    ended = headwater("run", write(tmp_path, recipe), "--only", "split,hold_out", "--json", **environment)
    assert ended.code == 0, ended.err
    assert CANARY not in ended.out + ended.err
    assert _holding(own, CANARY) == _holding(home, CANARY) == []
    assert [path.name for path in _holding(own, "${STREAM}")].count("sources.json") == 2

    (place / "rows" / "train.txt").unlink()
    lost = headwater("run", tmp_path / "recipe.yaml", **environment | {"STREAM_TOKEN": str(place)})
    assert lost.code == 2 and "/rows/train.txt" in lost.err and CANARY not in lost.err


def test_a_server_that_is_away_is_named_without_its_password(headwater: Callable, tmp_path: Path) -> None:
    recipe = write(
        tmp_path, on_files(write_corpus(tmp_path / "c.jsonl.gz"), write_labelled(tmp_path / "rows"))
    )
    address = f"http://anna:{CANARY}@127.0.0.1:9"
    for variable in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
        ended = headwater("run", recipe, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0", **{variable: address})
        assert ended.code in (1, 2) and "127.0.0.1:9" in ended.err and CANARY not in ended.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://anna:p@ss@host:1/a@b", "http://host:1/a@b"),
        ("https://host/a?sig=AbC%3D&part=2#x", "https://host/a?sig=…&part=2#x"),
        ("https://host/a?access_token=AbC and more", "https://host/a?access_token=… and more"),
        ("the key kanari0vogel is wrong", "the key ${SOME_API_KEY} is wrong"),
        ("train.tokens: 100000000", "train.tokens: 100000000"),
        ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
    ],
)
def test_what_others_may_read_has_no_secret(monkeypatch: pytest.MonkeyPatch, text: str, shown: str) -> None:
    monkeypatch.setenv("SOME_API_KEY", CANARY)
    monkeypatch.setenv("MAX_TOKENS", "100000000")
    assert environment.public(text) == shown


def test_no_library_logs_a_secret(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("SOME_SECRET", CANARY)
    log = logging.getLogger("httpx")
    log.warning("POST %s said %d", f"https://host/{CANARY}", 404)
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("it failed")
    assert "POST https://host/${SOME_SECRET} said 404" in caplog.text
    assert "ValueError: ${SOME_SECRET}" in caplog.text and CANARY not in caplog.text
