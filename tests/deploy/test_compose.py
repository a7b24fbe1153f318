"""What compose.yaml and the Dockerfile say is known to the programs they start, as far as that shows without Docker."""

import fnmatch
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

PROJECT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\$\{(\w+)(?::(\?|-)([^}]*))?\}")
ONCE = {"migrate", "deploy"}
"""Services that do one thing and end."""


@pytest.fixture(scope="module")
def text() -> str:
    return (PROJECT / "compose.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, dict[str, Any]]:
    """Each service with the defaults of its variables filled in."""
    filled = VARIABLE.sub(lambda found: found[3] if found[2] == "-" else "secret", text)
    document = YAML(typ="safe").load(filled)
    return document["services"]


@pytest.fixture(scope="module")
def example() -> dict[str, tuple[bool, str]]:
    """Each variable of .env.example: whether it is set there, or stands in a comment as its default, and its value."""
    lines = re.findall(
        r"^(#?)([A-Z0-9_]+)=(.*)$", (PROJECT / ".env.example").read_text(encoding="utf-8"), re.M
    )
    return {name: (not comment, value) for comment, name, value in lines}


def test_every_variable_is_explained_where_a_team_looks_for_it(
    text: str, example: dict[str, tuple[bool, str]]
) -> None:
    used: dict[str, set[tuple[str, str]]] = {}
    for name, kind, value in VARIABLE.findall(text):
        used.setdefault(name, set()).add((kind, value))
    assert used.keys() == example.keys()
    for name, ways in used.items():
        ((kind, value),) = ways
        is_set, shown = example[name]
        if is_set:
            assert (kind, shown) == ("?", ""), f"{name} is a password: nothing starts without it"
        elif name not in {"HEADWATER_DATA", "HEADWATER_MODELS", "MLFLOW_HOSTS"}:  # examples, no defaults
            assert (kind, value) == ("-", shown), name


def test_passwords_are_made_once_and_for_nobody_else_to_read(
    tmp_path: Path, example: dict[str, tuple[bool, str]]
) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(PROJECT / "deploy" / "passwords", tmp_path / "deploy")
    shutil.copy(PROJECT / ".env.example", tmp_path)
    (tmp_path / ".env").write_text("HEADWATER_PASSWORD=chosen by ourselves\n", encoding="utf-8")

    def made() -> dict[str, str]:
        subprocess.run([tmp_path / "deploy" / "passwords"], check=True, capture_output=True)
        lines = (tmp_path / ".env").read_text(encoding="utf-8").splitlines()
        assert len(lines) == len(dict(line.split("=", 1) for line in lines))
        return dict(line.split("=", 1) for line in lines)

    first = made()
    assert first.keys() == {name for name, (is_set, _) in example.items() if is_set}
    assert first.pop("HEADWATER_PASSWORD") == "chosen by ourselves"
    assert len(set(first.values())) == len(first)
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in first.values())
    assert made().items() >= first.items(), "what is there stays"
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) & 0o077 == 0


def test_services_may_do_no_more_than_they_need(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    reached = {name: set(service["networks"]) for name, service in services.items()}
    assert reached["worker"] == {"servers"}, (
        "workers reach neither the database nor the objects but by the servers"
    )
    assert "AWS_SECRET_ACCESS_KEY" not in services["worker"]["environment"]


def test_what_waits_for_another_waits_for_what_that_can_tell(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert ("healthcheck" in service) == (name not in ONCE), name
        for other, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how["condition"] == expected, f"{name} waits for {other}"


def test_commands_are_known_to_their_programs(services: dict[str, dict[str, Any]]) -> None:
    from typer.main import get_command

    from flows import cli

    parsers = {
        "mlflow": _mlflow,
        "prefect": _prefect,
        "headwater": lambda words: _click(get_command(cli.app), words),
    }
    ours = {name: item["command"] for name, item in services.items() if "headwater" in item["image"]}
    assert ours.keys() == {"migrate", "mlflow", "prefect", "deploy", "worker"}
    for program, *words in ours.values():
        parsers[program](words)
    with pytest.raises(Exception, match="no-such"):
        _mlflow(["server", "--no-such-option"])
    with pytest.raises(Exception, match="no-such"):
        _prefect(["worker", "start", "--no-such-option"])


def _mlflow(words: list[str]) -> None:
    from mlflow.cli import cli

    _click(cli, words)


def _click(command: Any, words: list[str]) -> None:
    """Parse as click does, down to the command that would run."""
    import click

    while isinstance(command, click.Group):
        context = click.Context(command)
        name, command, words = command.resolve_command(context, words)
        assert command is not None, name
    command.make_context(command.name, words)


def _prefect(words: list[str]) -> None:
    from prefect.cli._app import _app

    _app.parse_args(words, print_error=False, exit_on_error=False)


def test_settings_are_known_to_their_servers(services: dict[str, dict[str, Any]]) -> None:
    import mlflow.environment_variables
    from prefect.settings.legacy import _get_valid_setting_names
    from prefect.settings.models.root import Settings

    prefect = _get_valid_setting_names(Settings)
    for name, service in services.items():
        for variable in service.get("environment", {}):
            if variable.startswith("PREFECT_") and name != "database":
                assert variable in prefect, f"{name}: {variable}"
            if variable.startswith("MLFLOW_") and name != "database" and variable != "MLFLOW_UI_URL":
                assert hasattr(mlflow.environment_variables, variable), f"{name}: {variable}"


def test_the_image_gets_what_it_is_made_of_and_nothing_else() -> None:
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines, "all stays out but what is named"
    named = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert all((PROJECT / name).exists() for name in named)
    copied = re.findall(r"^COPY (?!--from)(\S+)", (PROJECT / "Dockerfile").read_text(encoding="utf-8"), re.M)
    assert set(copied) - {"."} <= named
    with (PROJECT / "pyproject.toml").open("rb") as file:
        tools = tomllib.load(file)["tool"]["setuptools"]
    packages = [pattern.rstrip("*") for pattern in tools["packages"]["find"]["include"]]
    assert {*packages, *(f"{module}.py" for module in tools["py-modules"])} <= named
    for secret in (".env", ".headwater", ".git", "mine.prefect.yaml"):
        assert not any(fnmatch.fnmatch(secret, name) for name in named)
