"""What is said of a node that cannot do steps."""

import importlib.metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

from tasks.running.node import looked_at, unlike

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")


def test_what_is_wrong_with_a_node_is_a_line_each(
    tmp_path: Path, home_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(home_folder))
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    home, libraries, server = looked_at(tmp_path / "not there", {"torch": "1.0"})
    assert f"does not see the home folder {home_folder}" in home and "storage that every node has" in home
    assert f"torch {importlib.metadata.version('torch').split('+')[0]} instead of 1.0" in libraries
    assert server.startswith("PREFECT_API_URL: nobody answers at http://127.0.0.1:9/api")


def test_a_library_that_is_missing_is_named_and_equal_ones_are_not() -> None:
    here = importlib.metadata.version("torch").split("+")[0]
    assert unlike({"torch": here}) == ""
    assert "no-such-thing (none) instead of 2.0" in unlike({"no-such-thing": "2.0", "torch": here})


def test_nodes_are_sent_no_secret(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.running.cluster import variables  # takes seconds, as Ray does

    monkeypatch.setenv("HEADWATER_HOME", str(home_folder))
    monkeypatch.setenv("PREFECT_API_URL", "http://server:4200/api")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody:canary-1@server:5000")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "canary-2")
    monkeypatch.setenv("HF_TOKEN", "canary-3")
    sent = variables()
    assert sent["HEADWATER_HOME"] == str(home_folder)
    assert sent["PREFECT_API_URL"] == "http://server:4200/api"
    assert "canary" not in str(sent) and "MLFLOW_TRACKING_URI" not in sent
