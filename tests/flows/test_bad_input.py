"""Bad input is answered by one clear line and the right exit code; what can go on goes on, and nothing is lost."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.recipes import on_files, write, write_corpus, write_labelled

ROWS = 60


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    corpus, rows = write_corpus(tmp_path / "corpus.jsonl.gz"), write_labelled(tmp_path / "rows", ROWS)
    return write(tmp_path, on_files(corpus, rows))


BAD_LINES = (
    b"x1\ttoo few columns",
    b"x2\tnot \xff\xfe UTF-8\t1",
    b"x3\ta label outside the set\t7",
)


@pytest.fixture
def spoilt(recipe: Path, tmp_path: Path) -> Path:
    """The recipe with bad lines among its training rows."""
    path = tmp_path / "rows" / "train.txt"
    head, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(b"\n".join([head, *BAD_LINES, rest]))
    return recipe


def test_a_few_bad_rows_are_quarantined_and_counted(headwater: Callable, spoilt: Path) -> None:
    ended = headwater("run", spoilt, "--only", "validate", "--json")
    assert ended.code == 0, ended.err
    metrics = ended.step("validate/classification")["metrics"]
    assert metrics["rows/quarantined"] == len(BAD_LINES)
    assert metrics["rows/kept"] == 3 * ROWS


def test_too_many_bad_rows_fail_with_the_counts_by_reason(headwater: Callable, spoilt: Path) -> None:
    ended = headwater("run", spoilt, "--only", "validate", "--set", "downstreams.0.quarantine=0.01", "--json")
    assert ended.code == 1
    assert ended.status["validate/classification"] == "failed"
    assert ended.status["validate"] != "failed"
    reason = ended.document["reason"]
    assert "\n" not in reason
    for why in (f"{len(BAD_LINES)} of {3 * ROWS + len(BAD_LINES)} rows", "columns", "UTF-8", "label"):
        assert why in reason


def test_what_shows_only_while_it_runs_ends_with_1(headwater: Callable, recipe: Path, tmp_path: Path) -> None:
    train = tmp_path / "rows" / "train.txt"
    train.write_text(train.read_text("utf-8").replace("\t0\n", "\t1\n"), "utf-8")
    vocabulary = "upstreams.0.tokenizer.vocabulary=30000"
    ended = headwater("run", recipe, "--only", "tokenizer,adapt", "--set", vocabulary, "--json")
    assert ended.code == 1
    failed = {
        name: step["reason"] for step in ended.document["steps"] if (name := step["name"]) and step["reason"]
    }
    assert "tokenizer.vocabulary to" in failed["tokenizer"]
    assert "all 20 training rows have label '1'" in failed["adapt/classification/baseline"]


def test_gzip_broken_in_the_middle_ends_with_1_and_leaves_no_artifact(
    headwater: Callable, headwater_here: Callable, recipe: Path, tmp_path: Path
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
    again: Any = headwater_here("plan", recipe, "--only", "ingest", "--json").document
    assert [row["status"] for row in again["steps"]] == ["run", "hit"]


def test_a_proxy_that_does_not_answer_is_not_asked_for_what_is_on_this_machine(
    headwater: Callable, recipe: Path
) -> None:
    names = [f"{kind}_proxy" for kind in ("http", "https", "all")]
    proxies = dict.fromkeys([*names, *map(str.upper, names)], "http://127.0.0.1:9")
    ended = headwater("run", recipe, "--only", "ingest", NO_PROXY="", no_proxy="", **proxies)
    assert ended.code == 0, ended.err


def test_an_mlflow_server_that_does_not_answer_ends_with_1_in_one_line(
    headwater: Callable, recipe: Path
) -> None:
    ended = headwater(
        "run", recipe, MLFLOW_TRACKING_URI="http://127.0.0.1:9", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0"
    )
    assert ended.code == 1
    assert "MLFLOW_TRACKING_URI" in ended.err
    assert len([line for line in ended.err.splitlines() if line.startswith("headwater:")]) == 1
