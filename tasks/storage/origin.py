"""Whose a run is, and by which code: MLflow's own tags for it, found out once a process."""

import functools
import getpass
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mlflow.entities import SourceType
from mlflow.utils import mlflow_tags

from tasks.environment import public

CODE = ("flows", "tasks", "models")
_ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 5.0


_told: dict[str, str] = {}


def told(found: Mapping[str, str]) -> None:
    """Take over what was found where a run began, of which this process is a part on another machine."""
    _told.update(found)


def tags() -> dict[str, str]:
    """What was told, else what is found here."""
    return _told or _found()


@functools.cache
def _found() -> dict[str, str]:
    """User, source, version and, where the code lies in a git checkout, its commit, branch and whether it is dirty."""
    return {
        mlflow_tags.MLFLOW_USER: _user(),
        mlflow_tags.MLFLOW_SOURCE_NAME: _source(),
        mlflow_tags.MLFLOW_SOURCE_TYPE: SourceType.to_string(
            SourceType.JOB if "PREFECT__FLOW_RUN_ID" in os.environ else SourceType.LOCAL
        ),
        "headwater.version": _version(),
        **checkout(_ROOT),
    }


def checkout(folder: Path) -> dict[str, str]:
    """What git says of the code in `folder`; nothing where it is not what a checkout tracks."""
    code = [name for name in CODE if (folder / name).is_dir()]
    if not code or not _git(folder, "ls-files", "--", *code):
        return {}
    told = _git(folder, "status", "--porcelain=v2", "--branch", "--", *code)
    lines = [line.split(" ", 2) for line in told.splitlines()]
    about = {line[1]: line[2] for line in lines if line[0] == "#"}
    dirty = str(any(line[0] != "#" for line in lines)).lower()
    branch, commit = about.get("branch.head", ""), about.get("branch.oid", "")
    found = {
        mlflow_tags.MLFLOW_GIT_COMMIT: commit if commit != "(initial)" else "",
        mlflow_tags.MLFLOW_GIT_BRANCH: branch if branch != "(detached)" else "",
        mlflow_tags.MLFLOW_GIT_DIRTY: dirty,
        "headwater.dirty": dirty,
        mlflow_tags.MLFLOW_GIT_REPO_URL: _shared(_git(folder, "config", "--get", "remote.origin.url")),
    }
    return {name: value for name, value in found.items() if value}


def _shared(url: str) -> str:
    """The address of a repository as others may read it; empty for a folder, which is nobody's business."""
    scheme, there, _ = url.partition("://")
    if there:
        return "" if scheme == "file" else public(url)
    host, there, _ = url.partition(":")
    return url if there and "/" not in host else ""


def _git(folder: Path, *arguments: str) -> str:
    """What a git command prints; empty where there is no git, or no checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name, as in containers
        return str(os.getuid())


def _source() -> str:
    """The command, without its arguments: they may hold paths and secrets."""
    program = Path(sys.argv[0])
    ours = program.stem == "headwater" or program.parent.name == "cli"
    command = next((word for word in sys.argv[1:2] if word.isalpha()), "")
    return f"headwater {command}".strip() if ours else "headwater"


def _version() -> str:
    try:
        return version("headwater")
    except PackageNotFoundError:
        return "unknown"
