"""Whose a run is and by which code, as far as others may know it."""

import subprocess
from pathlib import Path

import pytest

from tasks.running.execution import RunContext
from tasks.storage import connection, origin


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Anna", "-c", "user.email=anna@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "step.py").write_text("a = 1\n")
    git(tmp_path, "init", "-q", "-b", "spring")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def test_a_checkout_tells_its_commit_and_branch_and_what_was_edited_since(checkout: Path) -> None:
    found = origin.checkout(checkout)
    assert found["mlflow.source.git.commit"] == git(checkout, "rev-parse", "HEAD")
    assert found["mlflow.source.git.branch"] == "spring"
    assert found["headwater.dirty"] == "false"
    (checkout / "notes.txt").write_text("no code\n")
    assert origin.checkout(checkout)["headwater.dirty"] == "false"
    (checkout / "tasks" / "new.py").write_text("b = 2\n")
    assert origin.checkout(checkout)["headwater.dirty"] == "true"


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://anna:s3cret@example.org/stream.git", "https://example.org/stream.git"),
        ("git@example.org:anna/stream.git", "git@example.org:anna/stream.git"),
        ("/home/anna/stream", None),
        ("file:///home/anna/stream", None),
    ],
)
def test_of_where_the_code_comes_from_no_password_and_no_folder_is_told(
    checkout: Path, remote: str, shown: str | None
) -> None:
    git(checkout, "remote", "add", "origin", remote)
    assert origin.checkout(checkout).get("mlflow.source.git.repoURL") == shown


def test_a_checkout_that_code_only_lies_in_is_not_its_origin(checkout: Path) -> None:
    installed = checkout / ".venv" / "site-packages"
    (installed / "tasks").mkdir(parents=True)
    (installed / "tasks" / "step.py").write_text("a = 1\n")
    assert origin.checkout(installed) == {}


def test_every_run_says_who_made_it_with_what(context: RunContext) -> None:
    tags = connection.client().get_run(context.parent_id).data.tags
    assert tags["mlflow.user"] and tags["headwater.version"]
    assert tags["mlflow.source.name"].startswith("headwater") and "/" not in tags["mlflow.source.name"]
    assert tags["mlflow.source.type"] in ("LOCAL", "JOB")
