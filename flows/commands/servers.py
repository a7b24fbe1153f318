"""Servers that run beside a command and end with it, however it ends."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path

from models.errors import HeadwaterError, RecipeError
from tasks.environment import home, public
from tasks.storage.lease import lease

LOOPBACK = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 10.0
_START_SECONDS = 120
_ANSWER_SECONDS = 5


@dataclass
class Server:
    """A child process with a log of its own, in a process group of its own."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def wait_until(self, url: str, seconds: float) -> None:
        """Wait until `url` answers.

        Raises:
            HeadwaterError: it ended or did not answer in time, with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not answers(url):
            if self.process.poll() is not None:
                raise HeadwaterError(
                    f"{self.name} ended with code {self.process.returncode}: {self.last_line()}"
                )
            if time.monotonic() > deadline:
                raise HeadwaterError(
                    f"{self.name} did not answer within {seconds:.0f} s; its log is {self.log}"
                )
            time.sleep(0.1)

    def last_line(self) -> str:
        """The end of the log, for messages."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{lines[-1].strip()} (log: {self.log})" if lines else f"see {self.log}"


def start(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Server:
    """Start a server; call it from the main thread, with whose end the server ends too."""
    log = home() / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for this process, which then stops its servers in order
            preexec_fn=_end_with_parent,
        )
    return Server(name, process, log)


def stop(servers: Sequence[Server]) -> None:
    """End servers, newest first: asked first, killed with all their children after a while."""
    for server in reversed(servers):
        _signal(server, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    for server in reversed(servers):
        with suppress(subprocess.TimeoutExpired):
            server.process.wait(max(0.1, deadline - time.monotonic()))
        _signal(server, signal.SIGKILL)
        server.process.wait()


def answers(url: str) -> bool:
    """Whether `url` answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def refused(port: int) -> str | None:
    """Why a server cannot listen on `port`; None where it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            return f"port {port} is for root alone: take one above 1023"
        except OSError:
            return f"port {port} is in use: stop what listens there"
        return None


@contextmanager
def embedded_prefect() -> Iterator[Server | None]:
    """A Prefect server for the length of one command, unless PREFECT_API_URL names one; it is still starting.

    Prefect would start one by itself, which outlives a command that is killed.

    Raises:
        RecipeError: nobody, or something else than Prefect, answers at PREFECT_API_URL; a proxy cannot be used.
    """
    check_proxies()
    if own := os.environ.get("PREFECT_API_URL"):
        _check_prefect(own)
        yield None
        return
    port = free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"),
        *("--host", LOOPBACK, "--port", str(port), "--log-level", "error", "--lifespan", "on"),
    ]
    # What Prefect itself sets for its temporary server.
    settings = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
    api, made = f"http://{LOOPBACK}:{port}/api", home() / "prefect" / "made"
    with nullcontext() if made.exists() else _alone():
        server = start("prefect-embedded", command, settings)
        try:
            if not made.exists():
                server.wait_until(f"{api}/health", _START_SECONDS)
                made.touch()
            # Pages are those of `headwater up`, which shows the same database.
            os.environ.update(PREFECT_API_URL=api, PREFECT_UI_URL=f"http://{LOOPBACK}:4200")
        except BaseException:
            stop([server])
            raise
    try:
        yield server
    finally:
        del os.environ["PREFECT_API_URL"], os.environ["PREFECT_UI_URL"]
        stop([server])


def check_proxies() -> None:
    """Prefect prepares for every proxy that is named, also for those it will not use.

    Raises:
        RecipeError: one is of a kind that needs a package which is not there.
    """
    for kind, proxy in urllib.request.getproxies().items():
        if proxy.startswith("socks") and find_spec("socksio") is None:
            raise RecipeError(
                f"{kind}_proxy: {public(proxy)} needs the package socksio: pip install 'httpx[socks]', or unset it"
            )


def _check_prefect(api: str) -> None:
    """Whatever answers but with a page is taken for Prefect: it may want to know first who asks."""
    remedy = "start that server, or unset PREFECT_API_URL to use an embedded one"
    try:
        with urllib.request.urlopen(f"{api.rstrip('/')}/health", timeout=_ANSWER_SECONDS) as response:
            if response.headers.get_content_type() == "text/html":
                raise RecipeError(
                    f"PREFECT_API_URL: {public(api)} is a page; the address of an API ends with /api"
                )
    except urllib.error.HTTPError:
        return
    except (ValueError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise RecipeError(f"PREFECT_API_URL: nobody answers at {public(api)} ({reason}); {remedy}") from error


def _alone() -> AbstractContextManager[None]:
    """The first server makes the database; two that did so at once would trip over each other."""
    return lease("prefect", on_wait=lambda: None, check=lambda: None)


def _end_with_parent() -> None:
    """Ask Linux to end this child when its parent dies, even by SIGKILL; elsewhere only `stop` ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal(server: Server, number: int) -> None:
    with suppress(ProcessLookupError):  # it ended by itself
        os.killpg(server.process.pid, number)
