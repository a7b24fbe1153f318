"""`headwater up`: Prefect's server, MLflow's and a worker on this machine alone, with everything deployed."""

import logging
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass

from flows.commands.passwords import USER, Password, password
from flows.commands.processes import LOOPBACK, Server, refused, start, stop
from flows.commands.servers import START_SECONDS, check_prefect, check_project, check_proxies, making
from models.errors import HeadwaterError, RecipeError
from tasks.environment import home, public

_LOOK_SECONDS = 10.0
# MLflow's command dies of a signal without a word to the server that it has started.
_AS_ONE = 'trap "trap - TERM; kill 0" TERM; "$@" & wait; wait'
# Else places at deployments would be forgotten with the server, and the runs that hold them ended.
_PREFECT = {"PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem"}
_WITH_USERS = ["--app-name", "basic-auth"]
_NOTIFIES = "http://, https://, or an address that apprise knows, such as slack:// or mailto://"


@dataclass(frozen=True)
class _Address:
    """Where a server is, and whether it is a team's, which the environment names, and not one of this command's."""

    url: str
    port: int
    is_teams: bool

    @classmethod
    def of(cls, port: int, variable: str) -> "_Address":
        own, named = (
            f"http://{LOOPBACK}:{port}",
            os.environ.get(variable, "").rstrip("/").removesuffix("/api"),
        )
        # What a shell was told for commands beside this one is no team's.
        is_teams = named.replace("localhost", LOOPBACK) not in ("", own) and not named.startswith("sqlite")
        return cls(named if is_teams else own, port, is_teams)


def up(prefect_port: int, mlflow_port: int, notify: str = "", auth: bool = False) -> int:
    """Start everything, wait for Ctrl-C or SIGTERM, and stop everything again.

    A server that PREFECT_API_URL or MLFLOW_TRACKING_URI names is used, and none is started in its place.

    Raises:
        RecipeError: a port, a proxy or the address to notify cannot be used, or this is not the project's folder.
        HeadwaterError: a server did not start.
    """
    prefect, mlflow = (
        _Address.of(prefect_port, "PREFECT_API_URL"),
        _Address.of(mlflow_port, "MLFLOW_TRACKING_URI"),
    )
    _check(prefect, mlflow, notify, auth=auth)
    check_proxies()
    _check_teams(prefect, mlflow)
    login = password() if auth else None
    os.environ["HEADWATER_NOTIFY"] = notify  # by its name it is left out of logs
    os.environ["HEADWATER_HOME"] = str(home())  # for servers, and for runs wherever the worker starts them
    # SIGINT as well: a shell that starts it in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    servers: list[Server] = []
    try:
        _start(servers, prefect, mlflow, login)
        _say(prefect, mlflow, login, notify)
        threading.Thread(target=_watch, args=(notify,), name="watch", daemon=True).start()
        while True:
            time.sleep(0.5)
            for server in servers:
                if server.keep():
                    print(f"{server.name} had ended by itself and is started again: {server.log}", flush=True)
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave anything behind
        stop(servers)
        print("Stopped.", flush=True)


def _check(prefect: _Address, mlflow: _Address, notify: str, *, auth: bool) -> None:
    check_project("up")
    own = [item for item in (prefect, mlflow) if not item.is_teams]
    if len(own) == 2 and prefect.port == mlflow.port:
        raise RecipeError(
            f"both servers cannot listen on port {mlflow.port}: name another with --mlflow-port"
        )
    if auth and not own:
        raise RecipeError(
            "--auth: no server is started here, since PREFECT_API_URL and MLFLOW_TRACKING_URI name them"
        )
    for address, option in ((prefect, "--prefect-port"), (mlflow, "--mlflow-port")):
        if not address.is_teams and (why := refused(address.port)) is not None:
            raise RecipeError(f"{why}, or name another with {option}")
    if notify:
        from apprise import Apprise

        if not notify.startswith(("http://", "https://")) and not Apprise().add(notify):
            raise RecipeError(f"--notify: that is no address to send to; give one with {_NOTIFIES}")


def _check_teams(prefect: _Address, mlflow: _Address) -> None:
    """
    Raises:
        RecipeError: nobody answers there.
    """
    if prefect.is_teams:
        check_prefect(os.environ["PREFECT_API_URL"])
    if mlflow.is_teams:
        from tasks.storage import connection

        connection.known_experiment("Default")


def _start(servers: list[Server], prefect: _Address, mlflow: _Address, login: Password | None) -> None:
    """Start one after another, each added to `servers` as soon as it runs."""
    own = [name for name, item in (("Prefect", prefect), ("MLflow", mlflow)) if not item.is_teams]
    if own:
        _tell(f"starting {' and '.join(own)}")
    os.environ.update(login.for_clients() if login else {})
    if not mlflow.is_teams:
        servers.append(_started_mlflow(mlflow, login))
    if not prefect.is_teams:
        _start_prefect(servers, prefect, login)
    from flows.commands import deploying  # Prefect looks only once, when it is imported, where its server is

    if prefect.is_teams:
        deploying.make_pool(None)
    else:
        _deploy()
    _tell("starting the worker")
    command = [
        *(sys.executable, "-m", "prefect", "worker", "start"),
        *("--pool", deploying.POOL, "--type", "process"),
    ]
    servers.append(start("worker", command, {"PREFECT_WORKER_QUERY_SECONDS": "2"}))
    _wait_for_worker(servers[-1], deploying.POOL)
    if not mlflow.is_teams:
        servers[0].wait_until(f"{mlflow.url}/health", START_SECONDS)


def _started_mlflow(mlflow: _Address, login: Password | None) -> Server:
    from tasks.storage import connection  # MLflow is imported while nothing else could go on

    connection.make(connection.embedded_uri())
    os.environ["MLFLOW_TRACKING_URI"] = mlflow.url
    command = [*_mlflow(), *(_WITH_USERS if login else []), "--host", LOOPBACK, "--port", str(mlflow.port)]
    return start("mlflow-server", command, login.for_mlflow() if login else {}, folder=home())


def _start_prefect(servers: list[Server], prefect: _Address, login: Password | None) -> None:
    os.environ.update(PREFECT_API_URL=f"{prefect.url}/api", PREFECT_UI_URL=prefect.url)
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", LOOPBACK, "--port", str(prefect.port)]
    settings = _PREFECT | (login.for_prefect() if login else {})
    with making() as done:
        servers.append(start("prefect-server", command, settings, folder=home()))
        servers[-1].wait_until(f"{prefect.url}/api/health", START_SECONDS)
        done()


def _deploy() -> None:
    """On the server of this command, which no other worker asks."""
    from flows.commands import deploying
    from tasks.running import killed

    _tell(f"deploying {', '.join(map(str, deploying.files()))}")
    killed.end_pending()
    deploying.make_pool(deploying.AT_ONCE)
    deploying.deploy()
    deploying.automate()


def _say(prefect: _Address, mlflow: _Address, login: Password | None, notify: str) -> None:
    """Where everything is, and what to do next."""
    from flows.commands import deploying

    print()
    for name, item in (("Prefect", prefect), ("MLflow", mlflow)):
        print(
            f"{name:<10}{public(item.url)}{' (a server of yours: none is started)' if item.is_teams else ''}"
        )
    print(f"Logs      {home() / 'logs'}\n")
    if login:
        print(f"User      {USER}\nPassword  {login.said}")
    if prefect.is_teams:
        print(
            f"Worker    of the work pool {deploying.POOL}; `headwater deploy` puts this folder's deployments there"
        )
    for line in deploying.schedules_on() or ["none is on; switch one on at its deployment's page"]:
        print(f"Schedule  {line}")
    print(
        f"Failures  {'are told to the address of --notify' if notify else 'are told nobody (--notify URL)'}"
    )
    for name in deploying.names()[:1]:
        print(f"Try       prefect deployment run {name}", f"(with PREFECT_API_URL={public(prefect.url)}/api)")
    print("Stop      Ctrl-C", flush=True)


def _mlflow() -> list[str]:
    """The command of an MLflow server over the same store that `headwater run` writes to."""
    artifacts = (home() / "artifacts").as_uri()
    return [
        *("sh", "-c", _AS_ONE, "sh", sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{home() / 'mlflow.db'}"),
        # Experiments keep plain paths, so that runs without this server find their artifacts too.
        *("--default-artifact-root", artifacts, "--artifacts-destination", artifacts, "--serve-artifacts"),
    ]


def _watch(notify: str) -> None:
    """As long as this process lives, end what killed runs have left and tell of those that fail."""
    import httpx
    from prefect.exceptions import PrefectException

    from flows.commands.notifying import Notices
    from tasks.running.killed import Watch

    log = logging.getLogger("headwater")
    looks = [Watch().look, *([Notices(notify).look] if notify else [])]
    while True:
        for look in looks:
            try:
                look()
            except (HeadwaterError, httpx.HTTPError, PrefectException) as error:  # it is away: another time
                log.info("%s: %s", look.__qualname__, error)
        time.sleep(_LOOK_SECONDS)


def _wait_for_worker(worker: Server, pool: str) -> None:
    from prefect import get_client

    deadline = time.monotonic() + START_SECONDS
    with get_client(sync_client=True) as client:
        while not any(item.status == "ONLINE" for item in client.read_workers_for_work_pool(pool)):
            if worker.process.poll() is not None:
                raise HeadwaterError(
                    f"the worker ended with code {worker.process.returncode}: {worker.last_line()}"
                )
            if time.monotonic() > deadline:
                raise HeadwaterError(f"the worker did not come online; its log is {worker.log}")
            time.sleep(0.3)


def _tell(text: str) -> None:
    print(f"{text} …", flush=True)
