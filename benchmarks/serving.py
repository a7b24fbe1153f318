"""How fast a served champion answers, beside a plain `transformers` pipeline of the same model in MLflow's own flavour.

Both are served by `mlflow models serve`, one worker and one thread each, and take turns at the same texts of mixed
lengths: from one client and from eight with a text in a request, and with 64 texts in a request. A third line is the
pipeline with the batch size that it has to be given to compute texts together. What is shown: requests a second, the
median and the 95th percentile of the time to an answer, and the server's own CPU time a request.

    python -m benchmarks.serving [MODEL] [--size small] [--encoder FOLDER] [--pairs 5] [--quick]

MODEL is the folder or models:/ URI of a champion of classification. Without one a model is learnt first: of a `--size`,
or from the encoder in a folder.
"""

import argparse
import http.client
import json
import logging
import math
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

os.environ |= {"HF_HUB_OFFLINE": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}

import mlflow.artifacts
import psutil
from transformers.utils.logging import disable_progress_bar

from benchmarks import pairs
from benchmarks.champion import learnt
from flows.commands.processes import free_port
from models.adapted.files import downstream_of, examples

OURS, PLAIN, BATCHED = "ours", "pipeline", "pipeline, batch_size=64"


class Case(NamedTuple):
    """How much is asked at once."""

    rows: int
    """Texts in a request."""
    clients: int
    requests: int
    """Of all clients, in a turn."""


CASES = (Case(1, 1, 100), Case(1, 8, 200), Case(64, 1, 8))


def main() -> None:
    """Print a line for each case and server, and last the one ratio."""
    parser = pairs.parser(__doc__)
    parser.add_argument("model", nargs="?", help="folder or models:/ URI of a champion of classification")
    parser.add_argument("--size", default="small", help="of the model that is learnt: tiny, mini or small")
    parser.add_argument("--encoder", type=Path, help="folder of a pretrained model to learn from instead")
    options = pairs.options(parser)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    disable_progress_bar()
    with TemporaryDirectory() as place, ExitStack() as stack:
        folder = _folder(options, Path(place))
        servers = {OURS: _server(OURS, folder)}
        for name, size in ((PLAIN, None), (BATCHED, 64)):
            servers[name] = _server(name, _pipeline(folder, Path(place) / name, size))
        for server in servers.values():
            stack.enter_context(server.running())
        texts = _texts(folder, 64 * 40)
        _check(servers, texts[:256])
        _compare(servers, texts, options)


def _folder(options: argparse.Namespace, place: Path) -> Path:
    """The champion's."""
    if options.model is None:
        return learnt(place / "learnt", options.encoder or ("tiny" if options.quick else options.size))
    folder = Path(options.model)
    folder = folder if folder.is_dir() else Path(mlflow.artifacts.download_artifacts(options.model))
    if downstream_of(folder).kind != "classification":
        raise SystemExit(f"{options.model}: give a champion of classification, which there is a pipeline for")
    return folder


def _pipeline(folder: Path, place: Path, batch_size: int | None) -> Path:
    """The same model as MLflow's own flavour keeps it."""
    from mlflow.transformers import save_model
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    model = AutoModelForSequenceClassification.from_pretrained(folder / "model")
    made = pipeline(
        "text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder / "model")
    )
    config: dict[str, Any] = {"truncation": True, "max_length": downstream_of(folder).max_length}
    config |= {} if batch_size is None else {"batch_size": batch_size}
    save_model(
        made, str(place), input_example=["text"], model_config=config, pip_requirements=["transformers"]
    )
    return place


def _texts(folder: Path, count: int) -> list[str]:
    """Of the words of the model's examples, most of them short, a few long."""
    words = " ".join(examples(downstream_of(folder))["text"]).split()
    drawn = random.Random(1)
    lengths = [min(80, 3 + int(drawn.expovariate(1 / 9))) for _ in range(count)]
    return [" ".join(drawn.choices(words, k=length)) for length in lengths]


@dataclass
class Server:
    """A served model, and how it is asked."""

    folder: Path
    ours: bool
    port: int = field(default_factory=free_port)
    process: psutil.Popen | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Starts it; others may start meanwhile."""
        command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(self.folder)]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.process = psutil.Popen(
            [*command, "--env-manager", "local", "--port", str(self.port), "--host", "127.0.0.1"],
            env={**os.environ, "PATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            for process in (*self.process.children(recursive=True), self.process):
                process.terminate()
            self.process.wait(20)

    def ready(self) -> None:
        """Waits until it answers."""
        for _ in range(360):
            try:
                client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                client.request("GET", "/ping")
                client.getresponse().read()
                return
            except OSError:
                time.sleep(0.5)
        raise SystemExit(f"the server of {self.folder} does not answer")

    def body(self, texts: Sequence[str]) -> bytes:
        """A request, as its documentation has it."""
        asked = {"dataframe_records": [{"text": text} for text in texts]} if self.ours else {"inputs": texts}
        return json.dumps(asked).encode()

    def user(self) -> float:
        """Seconds of processors that it has taken in its own code."""
        assert self.process is not None
        every = (self.process, *self.process.children(recursive=True))
        return sum(process.cpu_times().user for process in every)


def _server(name: str, folder: Path) -> Server:
    return Server(folder, name == OURS)


def ask(client: http.client.HTTPConnection, body: bytes) -> list[Any]:
    """The predictions."""
    client.request("POST", "/invocations", body, {"content-type": "application/json"})
    answer = client.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {said[:300]!r}")
    return json.loads(said)["predictions"]


def _check(servers: Mapping[str, Server], texts: Sequence[str]) -> None:
    """All of them say the same of the texts."""
    said: dict[str, list[str]] = {}
    for name, server in servers.items():
        server.ready()
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
        said[name] = [answer["label"] for answer in ask(client, server.body(texts))]
    for name in (PLAIN, BATCHED):
        same = sum(mine == other for mine, other in zip(said[OURS], said[name], strict=True))
        print(f"{name}: the same label as ours for {same} of {len(texts)} texts")


def _compare(servers: Mapping[str, Server], texts: Sequence[str], options: argparse.Namespace) -> None:
    """Each case, all servers in turns."""
    ratios: dict[str, list[float]] = {name: [] for name in servers}
    for case in CASES:
        requests = max(8, case.requests // 4) if options.quick else case.requests
        case = case._replace(requests=requests)
        waits: dict[str, list[float]] = {name: [] for name in servers}
        ways = {name: partial(_asked, server, texts, case, waits[name]) for name, server in servers.items()}
        turns = pairs.Turns(ways, options.pairs)
        print(f"\n{case.rows} in a request, {case.clients} at once")
        print(f"{'':24}{'requests/s':>11}{'p50 ms':>9}{'p95 ms':>9}{'CPU ms':>9}{'ours is':>9}")
        for name in servers:
            counted = waits[name][-options.pairs * requests :]  # not those of the first turn
            cuts = statistics.quantiles(counted, n=20)
            faster = turns.for_one(name) / turns.for_one(OURS)
            ratios[name].append(faster)
            cpu = turns.for_one(name, "user") * 1000
            print(
                f"{name:24}{1 / turns.for_one(name):11.1f}{cuts[9] * 1000:9.1f}{cuts[18] * 1000:9.1f}"
                f"{cpu:9.1f}{faster:7.2f} x",
                flush=True,
            )
    best = min(math.prod(found) ** (1 / len(found)) for name, found in ratios.items() if name != OURS)
    plain = math.prod(ratios[PLAIN]) ** (1 / len(CASES))
    print(f"\nthe better of the two pipelines / ours: {best:.2f} x the seconds of a request")
    print(
        f"pipeline / ours: {plain:.2f} x the seconds of a request (geometric mean of {len(CASES)} cases, medians of "
        f"{options.pairs})"
    )


def _asked(server: Server, texts: Sequence[str], case: Case, waits: list[float]) -> pairs.Taken:
    """A turn of all clients, and how long each request waited for its answer."""
    bodies = [
        server.body([texts[(number * case.rows + at) % len(texts)] for at in range(case.rows)])
        for number in range(case.requests)
    ]
    line = iter(bodies)
    lock = threading.Lock()

    def client(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
        while True:
            with lock:
                body = next(line, None)
            if body is None:
                return
            before = time.perf_counter()
            ask(connection, body)
            waits.append(time.perf_counter() - before)

    user, started = server.user(), time.perf_counter()
    with ThreadPoolExecutor(case.clients) as clients:
        list(clients.map(client, range(case.clients)))  # raises what one of them has met
    return pairs.Taken(time.perf_counter() - started, server.user() - user, case.requests)


if __name__ == "__main__":
    main()
