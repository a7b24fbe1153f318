"""A team's servers on loopback, the real ones: PostgreSQL, an S3-compatible store, MLflow's and Prefect's on them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from flows.commands.processes import answers, free_port
from tasks.running.parent import end_with_parent
from tests.support.up import PROJECT
from tests.support.waiting import until

USER, PASSWORD = "headwater", "canary-postgres-7f3a"
S3 = {
    "AWS_ACCESS_KEY_ID": "canary-key-id-91c2",
    "AWS_SECRET_ACCESS_KEY": "canary-secret-access-5be8",
    "AWS_DEFAULT_REGION": "us-east-1",
}
BUCKET = "team"
LEASES = "prefect.server.concurrency.lease_storage.filesystem"


def missing() -> str:
    """What is not installed here that these servers need; empty where all is there."""
    absent = [name for name in ("psycopg2", "asyncpg", "boto3", "moto", "flask") if find_spec(name) is None]
    if postgres_programs() is None:
        absent.append("PostgreSQL")
    return ", ".join(absent)


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's programs: on the path, or where Debian puts them."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin/"), default=None)


@dataclass(frozen=True)
class Team:
    """Where the servers are."""

    folder: Path
    postgres: str
    """Address of the database server, without a database's name."""
    s3: str
    mlflow: str
    prefect: str

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """What a command on one of the team's machines is told; `home` stands for the machine."""
        own = {
            "HEADWATER_HOME": str(home),
            "PREFECT_HOME": str(home / "prefect"),
            "MLFLOW_TRACKING_URI": self.mlflow,
            "PREFECT_API_URL": self.prefect,
        }
        return {**os.environ, **own, **more}

    def with_s3(self) -> dict[str, str]:
        """What who goes to the bucket by himself is told besides."""
        return {**S3, "MLFLOW_S3_ENDPOINT_URL": self.s3, "AWS_ENDPOINT_URL_S3": self.s3}


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL of its own, which asks for a password; gives its address."""
    programs, port, data = postgres_programs(), free_port(), folder / "data"
    assert programs is not None
    folder.mkdir(parents=True)
    word = folder / "word"
    word.write_text(PASSWORD)
    root = os.geteuid() == 0  # which it refuses to run as
    start = ["runuser", "-u", "postgres", "--"] if root else []
    if root:
        shutil.chown(folder, "postgres")
        shutil.chown(word, "postgres")
        for parent in folder.parents:  # pytest's are closed to others
            if parent.stat().st_uid == 0 and parent.is_relative_to("/tmp") and parent != Path("/tmp"):
                parent.chmod(0o711)
    made = [str(programs / "initdb"), "-D", str(data), "-U", USER, "--auth=scram-sha-256", "-E", "UTF8"]
    subprocess.run(
        [*start, *made, f"--pwfile={word}", "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/"
    )
    options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    options += ["-c", f"unix_socket_directories={folder}", "-c", "max_connections=500"]
    with running([*start, str(programs / "postgres"), "-D", str(data), *options], folder / "log", cwd="/"):
        until(lambda: _does(port, "select 1"), 60, "PostgreSQL")
        for name in ("mlflow", "direct", "prefect"):
            assert _does(port, f"create database {name}")
        yield f"{USER}:{PASSWORD}@127.0.0.1:{port}"


def _does(port: int, text: str) -> bool:
    import psycopg2

    try:
        connection = psycopg2.connect(
            host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname="postgres"
        )
    except psycopg2.OperationalError:
        return False
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(text)
    return True


@contextmanager
def s3(folder: Path) -> Iterator[str]:
    """An S3-compatible store with a bucket; gives its address."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, folder / "s3.log"):
        address = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{address}/moto-api/"), 60, "the S3 store")
        import boto3

        client = boto3.client(
            "s3",
            endpoint_url=address,
            region_name=S3["AWS_DEFAULT_REGION"],
            aws_access_key_id=S3["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=S3["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=BUCKET)
        yield address


@contextmanager
def running(
    command: Sequence[str], log: Path, more: Mapping[str, str] = {}, cwd: str | Path = PROJECT
) -> Iterator[None]:
    """A server in a process group of its own, which ends with the block."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            cwd=cwd,
            env={**os.environ, **more},
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def team(folder: Path) -> Iterator[Team]:
    """All of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        database = stack.enter_context(postgres(folder / "postgres"))
        bucket = stack.enter_context(s3(folder))
        own = {**S3, "MLFLOW_S3_ENDPOINT_URL": bucket}
        mlflow, prefect = free_port(), free_port()
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(mlflow)]
        command += ["--workers", "2", "--backend-store-uri", f"postgresql://{database}/mlflow"]
        command += ["--artifacts-destination", f"s3://{BUCKET}/artifacts"]
        stack.enter_context(running(command, folder / "mlflow.log", own))
        settings = {
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://{database}/prefect",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        }
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
        command += ["--port", str(prefect)]
        stack.enter_context(running(command, folder / "prefect.log", settings))
        found = Team(
            folder, database, bucket, f"http://127.0.0.1:{mlflow}", f"http://127.0.0.1:{prefect}/api"
        )
        until(lambda: answers(f"{found.prefect}/health"), 180, "Prefect's server")
        until(lambda: answers(f"{found.mlflow}/health"), 180, "MLflow's server")
        yield found


if __name__ == "__main__":  # to try things by hand: python -m tests.support.team FOLDER
    import time

    from tasks.environment import prepare

    prepare()
    with team(Path(sys.argv[1])) as found:
        for name, value in (found.environment(Path("HOME")) | found.with_s3()).items():
            if name not in os.environ or name.startswith(("MLFLOW_TR", "PREFECT_API")):
                print(f"export {name}={value}")
        print(f"# postgresql://{found.postgres}/direct", flush=True)
        while True:
            time.sleep(1)
