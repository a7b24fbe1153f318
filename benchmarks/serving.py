"""How fast a served model answers several clients at once: p50 and p95 of the time to an answer, and answers a second.

Starts `mlflow models serve` on a free port, asks it from as many threads as there are clients, one request after the
other, each with the rows of the model's own example, and stops it.

    python benchmarks/serving.py FOLDER-OR-URI [--clients 8] [--seconds 60] [--rows 1] [--letters 30]
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow.artifacts


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rows", type=int, default=1, help="rows in a request")
    parser.add_argument("--letters", type=int, default=30, help="letters in each text, as far as it goes")
    options = parser.parse_args()
    folder = Path(options.model)
    if not folder.is_dir():
        folder = Path(mlflow.artifacts.download_artifacts(options.model))
    example = json.loads((folder / "input_example.json").read_text(encoding="utf-8"))
    first = dict(zip(example["columns"], example["data"][0], strict=True))
    row = {name: (f"{text} " * options.letters)[: options.letters].strip() for name, text in first.items()}
    body = json.dumps({"dataframe_records": [row] * options.rows}).encode()
    with _served(folder) as url:
        times, failed, seconds = _asked(url, body, options.clients, options.seconds)
    cuts = statistics.quantiles(times, n=100)
    found = {
        "clients": options.clients,
        "seconds": round(seconds, 1),
        "rows_a_request": options.rows,
        "requests": len(times),
        "failed": failed,
        "requests_a_second": round(len(times) / seconds, 1),
        "rows_a_second": round(options.rows * len(times) / seconds, 1),
        "p50_ms": round(cuts[49] * 1000, 1),
        "p95_ms": round(cuts[94] * 1000, 1),
        "load": os.getloadavg()[0],
    }
    print(json.dumps(found))


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address of a server that answers with the model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder), "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    server = subprocess.Popen(
        [*command, "--port", str(port), "--host", "127.0.0.1"],
        env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{url}/ping", timeout=5)
                break
            except OSError:
                time.sleep(0.5)
        yield f"{url}/invocations"
    finally:
        server.terminate()
        server.wait(20)


def _asked(url: str, body: bytes, clients: int, seconds: float) -> tuple[list[float], int, float]:
    """Seconds to each answer, how many requests failed, and how long all of it took."""
    times: list[float] = []
    failed: list[str] = []
    _ask(url, body)  # the first is for warming up
    started = time.perf_counter()

    def client() -> None:
        while time.perf_counter() < started + seconds:
            before = time.perf_counter()
            try:
                _ask(url, body)
            except OSError as error:
                failed.append(str(error))
            else:
                times.append(time.perf_counter() - before)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(failed), time.perf_counter() - started


def _ask(url: str, body: bytes) -> None:
    """Ask, and read the answer."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        json.load(response)


if __name__ == "__main__":
    main()
