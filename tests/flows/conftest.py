"""`headwater` as its users start it: a command of its own, against one Prefect server and one store for all tests."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows import cli
from flows.commands.servers import embedded_prefect

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """What `--json` printed."""
        return json.loads(self.out)

    @property
    def status(self) -> dict[str, str]:
        """What became of each step, by name and, where there is one, number of labels."""
        return {step["name"]: step["status"] for step in self.document["steps"]}

    def step(self, name: str) -> dict[str, Any]:
        """The one step of this name."""
        (found,) = (step for step in self.document["steps"] if step["name"] == name)
        return found


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flows")


@pytest.fixture(scope="session")
def prefect_server(home: Path) -> Iterator[str]:
    """The address of a Prefect server; starting one for each command takes seconds."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HEADWATER_HOME", str(home))
            patch.setenv("PREFECT_HOME", str(home / "prefect"))
            patch.delenv("PREFECT_API_URL", raising=False)
            (home / "prefect").mkdir()
            server = stack.enter_context(embedded_prefect())
            assert server is not None
        # It is for the commands of these tests; others find this process as if there were no server.
        set_by_server = {name: os.environ.pop(name) for name in ("PREFECT_API_URL", "PREFECT_UI_URL")}
        address = set_by_server["PREFECT_API_URL"]
        server.wait_until(f"{address}/health", 90)
        yield address
        os.environ.update(set_by_server)


@pytest.fixture(scope="session")
def headwater(home: Path, prefect_server: str) -> Callable[..., Ended]:
    """Runs the command with these arguments and environment variables."""

    def run(*arguments: object, **environment: str) -> Ended:
        own = {"HEADWATER_HOME": str(home), "PREFECT_HOME": str(home / "prefect")}
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", *map(str, arguments)],
            env=os.environ | own | {"PREFECT_API_URL": prefect_server} | environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd=PROJECT,
            timeout=900,  # a bound for a hung command, not an expectation
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def headwater_here(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Runs in this process a command that starts no run; a process of its own takes seconds to start."""

    def run(*arguments: object, folder: Path = home) -> Ended:
        monkeypatch.setenv("HEADWATER_HOME", str(folder))
        capfd.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Ended(code, captured.out, captured.err)

    return run
