"""Servers as child processes: each with a log of its own, started again when it is killed, ended with its parent."""

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from models.errors import HeadwaterError
from tasks.environment import home
from tasks.running.parent import end_with_parent

LOOPBACK = "127.0.0.1"
_GRACE_SECONDS = 10.0
_TRIES = 2
"""How often a server that ends before it has answered is started."""
_RECENT_SECONDS = 300.0
_LOGS_KEPT = 3
_LOG_BYTES = 10_000_000


@dataclass
class Server:
    """A child process in a process group of its own."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    pass_fds: tuple[int, ...] = ()
    folder: Path | None = None
    """Where it runs, if not in the working directory."""
    answered: Callable[[], None] = lambda: None
    """Called when it has been waited for, and answers."""
    log: Path = field(init=False)
    process: "subprocess.Popen[bytes]" = field(init=False)
    _started: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.log = home() / "logs" / f"{self.name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        _rotate(self.log)
        self._start()

    def _start(self) -> None:
        self._started.append(time.monotonic())
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                pass_fds=self.pass_fds,
                start_new_session=True,  # Ctrl-C is for this process, which then stops its servers in order
                preexec_fn=end_with_parent,
            )

    def keep(self) -> bool:
        """Start it again where it has ended by itself, soon at first, then with growing waits; whether it did."""
        with self._lock:
            if self.process.poll() is None or time.monotonic() < self._started[-1] + self._pause():
                return False
            _signal(self, signal.SIGKILL)  # children that it left would keep its port
            _rotate(self.log, at=_LOG_BYTES)
            self._start()
            return True

    def _pause(self) -> float:
        """Seconds from one start to the next: what ended again and again of late may need something mended first."""
        recent = [at for at in self._started if time.monotonic() - at < _RECENT_SECONDS]
        return min(30.0, 2.0 ** len(recent)) - 2.0

    def wait_until(self, url: str, seconds: float) -> None:
        """Wait until `url` answers.

        Raises:
            HeadwaterError: it ended or did not answer in time, with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not answers(url):
            if self.process.poll() is not None and len(self._started) == _TRIES:
                raise HeadwaterError(
                    f"{self.name} ended with code {self.process.returncode}: {self.last_line()}"
                )
            self.keep()
            if time.monotonic() > deadline:
                raise HeadwaterError(
                    f"{self.name} did not answer within {seconds:.0f} s; its log is {self.log}"
                )
            time.sleep(0.1)
        self.answered()

    def last_line(self) -> str:
        """The end of the log, for messages."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{lines[-1].strip()} (log: {self.log})" if lines else f"see {self.log}"


def start(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    pass_fds: tuple[int, ...] = (),
    folder: Path | None = None,
) -> Server:
    """Start a server; call it from a thread that lasts, with whose end the server ends too."""
    return Server(name, command, environment, pass_fds, folder)


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


@contextmanager
def kept(server: Server) -> Iterator[None]:
    """Start a server again each time it is killed, until the block ends, and then stop it."""
    ending = threading.Event()

    def keep() -> None:
        with suppress(HeadwaterError):  # who asks it hears that nobody answers
            while not ending.wait(0.2):
                server.keep()

    keeper = threading.Thread(target=keep, name=f"keeper of {server.name}", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        keeper.join()
        stop([server])


def answers(url: str) -> bool:
    """Whether `url` answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def listening() -> socket.socket:
    """A socket on a free port, for a server to accept from.

    It stays here while the server is started again, so that nobody who asks in the meantime is turned away.
    """
    door = socket.create_server((LOOPBACK, 0), backlog=512)
    # uvicorn sets it on the sockets that it opens itself; what is accepted here inherits it.
    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return door


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


def _rotate(log: Path, at: int = 0) -> None:
    """Put a log that is longer than `at` bytes aside, as `name.1.log`, and forget the oldest."""
    if not log.exists() or log.stat().st_size <= at:
        return
    aged = [log, *(log.with_suffix(f".{age}.log") for age in range(1, _LOGS_KEPT + 1))]
    for newer, older in reversed(list(pairwise(aged))):
        if newer.exists():
            newer.replace(older)


def _signal(server: Server, number: int) -> None:
    with suppress(ProcessLookupError):  # it ended by itself
        os.killpg(server.process.pid, number)
