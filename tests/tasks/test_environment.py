"""The home folder and the environment that libraries read."""

import os
import urllib.request
from pathlib import Path

import pytest

from models.errors import RecipeError
from tasks.environment import home, make_home, prepare
from tasks.storage import connection


def test_a_home_folder_may_begin_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HEADWATER_HOME", "~/x")
    assert make_home() == home() == tmp_path / "x"
    assert (tmp_path / "x").is_dir()


def test_a_home_folder_may_be_named_from_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADWATER_HOME", "deep/down")
    assert make_home() == tmp_path / "deep" / "down"


@pytest.mark.parametrize("name", ["한글 이름", "a#b%20c%d&e;f=g:h@i+j"])
def test_state_lies_in_the_home_folder_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / name))
    make_home()
    run = connection.client().create_run(connection.experiment("named"))
    connection.client().log_text(run.info.run_id, "text", "it.txt")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in (tmp_path / name / "artifacts").rglob("*.txt")] == ["it.txt"]


@pytest.mark.parametrize("name", ["a?b", "a\nb", "file", "file/below"])
def test_a_home_folder_that_cannot_be_used_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / name))
    with pytest.raises(RecipeError, match=r"^the home folder .*; set HEADWATER_HOME to another folder$"):
        make_home()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_home_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    with pytest.raises(RecipeError, match="HEADWATER_HOME"):
        make_home()


@pytest.mark.parametrize("lower", [None, "", "a.local"])
@pytest.mark.parametrize("upper", [None, "", "b.local, c.local"])
def test_no_proxy_stands_before_this_machine_and_what_the_user_named_stays(
    monkeypatch: pytest.MonkeyPatch, lower: str | None, upper: str | None
) -> None:
    for name, value in (("no_proxy", lower), ("NO_PROXY", upper)):
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    prepare()
    prepare()
    named = [host.strip() for hosts in (lower, upper) if hosts for host in hosts.split(",")]
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"]
    assert os.environ["no_proxy"].split(",") == [*named, "127.0.0.1", "localhost", "::1"]
    for host in (*named, "127.0.0.1:4200", "localhost:5000"):
        assert urllib.request.proxy_bypass(host)
    assert not urllib.request.proxy_bypass("elsewhere.local")
