"""`headwater up --auth`: both servers ask for a password, and what it starts knows it."""

import os
import stat
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from flows.commands import passwords
from models.errors import RecipeError
from tests.support.recipes import SMALL, write
from tests.support.up import Up
from tests.support.waiting import until

PASSWORD = "CANARY: so % long 'a' password"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    monkeypatch.delenv("HEADWATER_PASSWORD", raising=False)
    return tmp_path


def test_a_password_is_made_once_told_once_and_kept_from_others(home: Path) -> None:
    made, again = passwords.password(), passwords.password()
    kept = home / "auth" / "password"
    assert made.value == again.value == kept.read_text("utf-8").strip()
    assert made.value in made.said and again.value not in again.said
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_a_password_of_ones_own_is_written_nowhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_PASSWORD", PASSWORD)
    own = passwords.password()
    assert own.value == PASSWORD and PASSWORD not in own.said
    assert not (home / "auth" / "password").exists()
    assert "HEADWATER_PASSWORD" not in os.environ


@pytest.mark.parametrize("bad", ["short", "a line and\nanother one", "산과 물, 물과 산, 산과 물"])
def test_what_is_no_password_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    monkeypatch.setenv("HEADWATER_PASSWORD", bad)
    with pytest.raises(RecipeError, match=r"HEADWATER_PASSWORD: .* 12 printable ASCII characters") as caught:
        passwords.password()
    assert bad not in str(caught.value)


@pytest.mark.slow
def test_servers_refuse_strangers_and_a_deployment_runs_through(tmp_path: Path) -> None:
    home = tmp_path / "100% home"
    up = Up(home, "--auth", environment={"HEADWATER_PASSWORD": PASSWORD})
    try:
        for address in (
            f"http://127.0.0.1:{up.prefect}/api/admin/version",
            f"http://127.0.0.1:{up.mlflow}/",
            f"http://127.0.0.1:{up.mlflow}/api/2.0/mlflow/experiments/search?max_results=5",
        ):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(address, timeout=20)
            assert refused.value.code == 401
        run = up.begin(write(tmp_path, SMALL))
        until(lambda: up.state(run) in ("COMPLETED", "FAILED", "CRASHED"), 400, "the end of the run")
        assert up.state(run) == "COMPLETED"
        assert up.mlflow_runs("tags.`headwater.step` = 'report' and attributes.status = 'FINISHED'")
        commands = subprocess.run(["ps", "axww", "-o", "command"], capture_output=True, text=True, check=True)
        assert "CANARY" not in commands.stdout
        assert "CANARY" not in "\n".join(up.said)
    finally:
        up.stop()
    for path in home.rglob("*"):
        assert not path.is_file() or b"CANARY" not in path.read_bytes(), path
