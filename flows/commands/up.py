"""`headwater up`: Prefect's server, MLflow's and a worker on this machine alone, with everything deployed."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from flows.commands.servers import LOOPBACK, Server, check_proxies, refused, start, stop
from models.errors import HeadwaterError, RecipeError
from tasks.environment import home

POOL = "headwater"
AT_ONCE = 2
"""Flow runs the work pool lets run at once."""
_START_SECONDS = 120


def up(prefect_port: int, mlflow_port: int) -> int:
    """Start everything, wait for Ctrl-C or SIGTERM, and stop everything again.

    Raises:
        RecipeError: a port or a proxy cannot be used, or this is not the project's folder.
        HeadwaterError: a server did not start, or ended by itself.
    """
    _check(prefect_port, mlflow_port)
    check_proxies()
    # SIGINT as well: a shell that starts it in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    servers: list[Server] = []
    try:
        _start(servers, prefect_port, mlflow_port)
        while True:
            time.sleep(0.5)
            for server in servers:
                if server.process.poll() is not None:
                    raise HeadwaterError(f"{server.name} ended by itself: {server.last_line()}")
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave anything behind
        stop(servers)
        print("Stopped.", flush=True)


def _check(prefect_port: int, mlflow_port: int) -> None:
    if not Path("prefect.yaml").is_file():
        raise RecipeError("there is no prefect.yaml here: start `headwater up` in the project's folder")
    if prefect_port == mlflow_port:
        raise RecipeError(
            f"both servers cannot listen on port {mlflow_port}: name another with --mlflow-port"
        )
    for port, option in ((prefect_port, "--prefect-port"), (mlflow_port, "--mlflow-port")):
        if (why := refused(port)) is not None:
            raise RecipeError(f"{why}, or name another with {option}")


def _start(servers: list[Server], prefect_port: int, mlflow_port: int) -> None:
    """Start one after another, each added to `servers` as soon as it runs."""
    prefect, mlflow = f"http://{LOOPBACK}:{prefect_port}", f"http://{LOOPBACK}:{mlflow_port}"
    os.environ.update(PREFECT_API_URL=f"{prefect}/api", MLFLOW_TRACKING_URI=mlflow)
    _tell("starting Prefect and MLflow")
    address = ["--host", LOOPBACK, "--port"]
    command = [sys.executable, "-m", "prefect", "server", "start", *address, str(prefect_port)]
    servers.append(start("prefect-server", command, {}))
    servers.append(start("mlflow-server", [*_mlflow(), *address, str(mlflow_port)], {}))
    servers[0].wait_until(f"{prefect}/api/health", _START_SECONDS)
    _tell("deploying prefect.yaml")
    _make_pool()
    _deploy()
    _tell("starting the worker")
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    servers.append(start("worker", command, {"PREFECT_WORKER_QUERY_SECONDS": "2"}))
    _wait_for_worker(servers[-1])
    servers[1].wait_until(f"{mlflow}/health", _START_SECONDS)
    print(f"\nPrefect   {prefect}\nMLflow    {mlflow}\nLogs      {home() / 'logs'}\n")
    print("Try       prefect deployment run transfer-learning/demo", f"(with PREFECT_API_URL={prefect}/api)")
    print(
        "          schedules wait, switched off, on the pages of the deployments\nStop      Ctrl-C",
        flush=True,
    )


def _mlflow() -> list[str]:
    """The command of an MLflow server over the same store that `headwater run` writes to."""
    artifacts = (home() / "artifacts").as_uri()
    return [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{home() / 'mlflow.db'}"),
        # Experiments keep plain paths, so that runs without this server find their artifacts too.
        *("--default-artifact-root", artifacts, "--artifacts-destination", artifacts, "--serve-artifacts"),
    ]


def _make_pool() -> None:
    from prefect import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    pool = WorkPoolCreate(name=POOL, type="process", concurrency_limit=AT_ONCE)
    with (
        get_client(sync_client=True) as client,
        suppress(ObjectAlreadyExists),
    ):  # it stays as the user has set it
        client.create_work_pool(pool)


def _deploy() -> None:
    switched_on = {place for place, *_, active in _schedules() if active}
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    (home() / "logs" / "deploy.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        raise HeadwaterError(f"prefect.yaml could not be deployed; see {home() / 'logs' / 'deploy.log'}")
    _switch_on(switched_on)


def _schedules() -> list[tuple[tuple[str, str], UUID, UUID, bool]]:
    """(deployment's name and flow, what it says), deployment, schedule, whether it is on, of every schedule."""
    from prefect import get_client

    with get_client(sync_client=True) as client:
        return [
            ((f"{found.flow_id}/{found.name}", str(item.schedule)), found.id, item.id, item.active)
            for found in client.read_deployments()
            for item in found.schedules
        ]


def _switch_on(places: set[tuple[str, str]]) -> None:
    """Deploying switches every schedule off; those that were on go on."""
    from prefect import get_client

    with get_client(sync_client=True) as client:
        for place, deployment, schedule, _ in _schedules():
            if place in places:
                client.update_deployment_schedule(deployment, schedule, active=True)


def _wait_for_worker(worker: Server) -> None:
    from prefect import get_client

    deadline = time.monotonic() + _START_SECONDS
    with get_client(sync_client=True) as client:
        while not any(item.status == "ONLINE" for item in client.read_workers_for_work_pool(POOL)):
            if worker.process.poll() is not None:
                raise HeadwaterError(
                    f"the worker ended with code {worker.process.returncode}: {worker.last_line()}"
                )
            if time.monotonic() > deadline:
                raise HeadwaterError(f"the worker did not come online; its log is {worker.log}")
            time.sleep(0.3)


def _tell(text: str) -> None:
    print(f"{text} …", flush=True)
