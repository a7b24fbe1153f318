"""`headwater` as its users start it: a command of its own, against one Prefect server and one store for all tests."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows import cli
from flows.commands.servers import embedded_prefect
from tasks.environment import EMBEDDED_PREFECT
from tests.support import warm

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
        # Another server of this process, which has ended, has taken its mark along.
        os.environ.update({**set_by_server, EMBEDDED_PREFECT: address})


@pytest.fixture(scope="session")
def headwater(
    home: Path, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Ended]:
    """Runs the command in a process of its own, with these arguments and environment variables."""
    own = {
        "HEADWATER_HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": prefect_server,
    }
    said = tmp_path_factory.mktemp("said")

    def run(*arguments: object, **environment: str) -> Ended:
        given = [str(argument) for argument in arguments]
        if environment.keys() <= warm.READ_LATE:
            code = warm.start(given, own, environment, said)
        else:
            code = _in_new_process(given, own | environment, said)
        ended = Ended(code, (said / "out").read_text("utf-8"), (said / "err").read_text("utf-8"))
        assert "Traceback" not in ended.err, ended.err
        return ended

    return run


def _in_new_process(arguments: Sequence[str], environment: Mapping[str, str], said: Path) -> int:
    """The exit code of a command that has to read its environment before anything is imported."""
    with (said / "out").open("wb") as out, (said / "err").open("wb") as err:
        return subprocess.run(
            [sys.executable, "-m", "flows.cli", *arguments],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=PROJECT,
            timeout=900,  # a bound for a hung command, not an expectation
            check=False,
        ).returncode


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
