"""Bad input is answered by one clear line and the right exit code; what can go on goes on, and nothing is lost."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipes import on_files, write, write_corpus, write_labelled

ROWS = 60


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    corpus, rows = write_corpus(tmp_path / "corpus.jsonl.gz"), write_labelled(tmp_path / "rows", ROWS)
    return write(tmp_path, on_files(corpus, rows))


def spoil(tmp_path: Path, line: bytes) -> None:
    """Puts a bad line into the training rows."""
    path = tmp_path / "rows" / "train.txt"
    head, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(head + b"\n" + line + b"\n" + rest)


BAD_LINES = pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"x1\ttoo few columns", "columns"),
        (b"x1\tnot \xff\xfe UTF-8\t1", "UTF-8"),
        (b"x1\ta label outside the set\t7", "label"),
    ],
    ids=["columns", "utf-8", "label"],
)


@BAD_LINES
def test_a_few_bad_rows_are_quarantined_and_counted(
    headwater: Callable, recipe: Path, tmp_path: Path, line: bytes, why: str
) -> None:
    spoil(tmp_path, line)
    ended = headwater("run", recipe, "--only", "validate", "--json")
    assert ended.code == 0, ended.err
    metrics = ended.step("validate/classification")["metrics"]
    assert metrics["rows/quarantined"] == 1
    assert metrics["rows/kept"] == 3 * ROWS


@BAD_LINES
def test_too_many_bad_rows_fail_with_the_counts_by_reason(
    headwater: Callable, recipe: Path, tmp_path: Path, line: bytes, why: str
) -> None:
    spoil(tmp_path, line)
    ended = headwater("run", recipe, "--only", "validate", "--set", "downstreams.0.quarantine=0", "--json")
    assert ended.code == 1
    assert ended.status["validate/classification"] == "failed"
    assert ended.status["validate"] == "run"
    reason = ended.document["reason"]
    assert "1 of 181 rows" in reason.replace("1 of the 181", "1 of 181")
    assert why in reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["--only", "tokenizer", "--set", "upstreams.0.tokenizer.vocabulary=30000"],
            "tokenizer.vocabulary to",
        ),
        (
            ["--only", "adapt", "--set", 'downstreams.0.downstream.classes=["0","1"]'],
            "all 20 training rows have label",
        ),
    ],
    ids=["vocabulary", "one class"],
)
def test_what_shows_only_while_it_runs_ends_with_1(
    headwater: Callable, recipe: Path, tmp_path: Path, settings: list[str], message: str
) -> None:
    train = tmp_path / "rows" / "train.txt"
    train.write_text(train.read_text("utf-8").replace("\t0\n", "\t1\n"), "utf-8")
    ended = headwater("run", recipe, *settings, "--json")
    assert ended.code == 1
    assert message in ended.document["reason"]


def test_gzip_broken_in_the_middle_ends_with_1_and_leaves_no_artifact(
    headwater: Callable, recipe: Path, tmp_path: Path
) -> None:
    corpus = tmp_path / "corpus.jsonl.gz"
    corpus.write_bytes(gzip.compress(gzip.decompress(corpus.read_bytes()) * 50)[:-3000])
    ended = headwater("run", recipe, "--only", "validate", "--json")
    assert ended.code == 1
    assert ended.status == {
        "ingest": "failed",
        "validate": "not run",
        "ingest/classification": "run",
        "validate/classification": "run",
    }
    assert "corpus.jsonl.gz" in ended.document["reason"]
    again: Any = headwater("plan", recipe, "--only", "ingest", "--json").document
    assert [row["status"] for row in again["steps"]] == ["run", "hit"]


def test_an_mlflow_server_that_does_not_answer_ends_with_1_in_one_line(
    headwater: Callable, recipe: Path
) -> None:
    ended = headwater("run", recipe, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert ended.code == 1
    assert "MLFLOW_TRACKING_URI" in ended.err
    assert len([line for line in ended.err.splitlines() if line.startswith("headwater:")]) == 1
