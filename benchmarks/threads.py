"""What a second OpenMP thread is worth to the training of a small model, alone and beside a busy neighbour.

Threads wait for each other by spinning, as libgomp does where nothing is set, or by sleeping (passive), as Headwater
sets it. And whether two trainings had better run side by side, a thread each, or one after the other with both threads.

All use the same two cores; the neighbour is a process that never rests. A line for each way: how long the same rows
take. The bits of the trained weights are compared, since how threads wait must change none. Last: two threads beside a
neighbour, spinning against sleeping.

    python -m benchmarks.threads [--rows 640] [--pairs 5] [--quick]
"""

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import pairs

CORES = 2
BATCH, LENGTH, WORDS = 32, 64, 4_000
SPINNING = {"GOMP_SPINCOUNT": "300000", "KMP_BLOCKTIME": "200"}
"""What libgomp and Intel's OpenMP do where nothing is set."""
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}


@dataclass(frozen=True)
class Learner:
    """A process that trains when it is told to."""

    process: "subprocess.Popen[str]"

    @classmethod
    def started(cls, threads: int, waiting: dict[str, str]) -> "Learner":
        """One with so many threads."""
        named = {name: value for name, value in os.environ.items() if name not in PASSIVE}
        command = [sys.executable, "-c", f"from benchmarks.threads import learn; learn({threads})"]
        return cls(
            subprocess.Popen(
                command, env=named | waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        )

    def begin(self, rows: int) -> None:
        """Have it train."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{rows}\n")
        self.process.stdin.flush()

    def said(self) -> dict[str, float]:
        """What it took, and what came out."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


def main() -> None:
    """Print the tables and the ratio."""
    parser = pairs.parser(__doc__)
    parser.add_argument("--rows", type=int, default=640)
    options = pairs.options(parser)
    rows = 160 if options.quick else options.rows
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with ExitStack() as stack:
        alone, beside = Learner.started(1, PASSIVE), Learner.started(1, PASSIVE)
        spinning, passive = Learner.started(2, SPINNING), Learner.started(2, PASSIVE)
        learners = [alone, beside, spinning, passive, one_spinning := Learner.started(1, SPINNING)]
        for learner in learners:
            stack.callback(learner.process.kill)
        for learner in learners:  # they have imported what they need, and their first steps are behind them
            learner.begin(BATCH)
            learner.said()
        bits: dict[int, set[float]] = {1: set(), 2: set()}
        ways = {
            "1 thread, spinning": lambda: trained(rows, [one_spinning], bits[1]),
            "1 thread, passive": lambda: trained(rows, [alone], bits[1]),
            "2 threads, spinning": lambda: trained(rows, [spinning], bits[2]),
            "2 threads, passive": lambda: trained(rows, [passive], bits[2]),
            "two at once, 1 thread each": lambda: trained(rows, [alone, beside], bits[1]),
            "two in turn, 2 threads, passive": lambda: trained(2 * rows, [passive], set()),
        }
        found = pairs.Turns(dict(_both(ways)), options.pairs, warm_up=False)
    found.show()
    same = all(len(weights) == 1 for weights in bits.values())
    print(f"\nweights are {'the same bits however threads wait' if same else 'NOT THE SAME'}")
    found.ratio("2 threads, passive, busy", "2 threads, spinning, busy")


def _both(ways: dict[str, Callable[[], pairs.Taken]]) -> Iterator[tuple[str, pairs.Way]]:
    """Each way alone, then beside a neighbour."""
    for name, way in ways.items():
        yield f"{name}, idle", way
    for name, way in ways.items():
        yield f"{name}, busy", partial(_disturbed, way)


def _disturbed(way: Callable[[], pairs.Taken]) -> pairs.Taken:
    with neighbour():
        return way()


def trained(rows: int, learners: Sequence[Learner], bits: set[float]) -> pairs.Taken:
    """What it takes them to train on so many rows each, at once."""
    for learner in learners:
        learner.begin(rows)
    said = [learner.said() for learner in learners]
    bits.update(item["bits"] for item in said)
    return pairs.Taken(max(item["wall"] for item in said), sum(item["user"] for item in said))


@contextmanager
def neighbour() -> Iterator[None]:
    """A process that takes all it can get."""
    process = multiprocessing.get_context("spawn").Process(target=_never_rest, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _never_rest() -> None:
    while True:
        pass


def learn(threads: int) -> None:
    """Train a model anew for each number of rows that is read, and say what it took."""
    import torch

    torch.set_num_threads(threads)
    for line in sys.stdin:
        model = _classifier()
        taken = pairs.once(partial(_train, model, int(line)))
        bits = float(sum(weight.detach().double().abs().sum() for weight in model.parameters()))
        print(json.dumps({"wall": taken.wall, "user": taken.user, "bits": bits}), flush=True)


def _classifier() -> Any:
    """A small model with fresh weights."""
    import torch
    from transformers import AutoModelForSequenceClassification

    from models.backbone import presets
    from models.backbone.config import ModelConfig

    torch.manual_seed(0)
    architecture = presets.architecture(ModelConfig(size="tiny"))
    for name in ("pad", "bos", "eos", "cls", "sep"):
        setattr(architecture, f"{name}_token_id", 0)
    architecture.vocab_size = WORDS
    return AutoModelForSequenceClassification.from_config(architecture, attn_implementation="sdpa")


def _train(model: Any, rows: int) -> None:
    """Learn from so many made-up rows."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(max(1, rows // BATCH)):
        ids, labels = torch.randint(1, WORDS, (BATCH, LENGTH)), torch.randint(0, 2, (BATCH,))
        model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


if __name__ == "__main__":
    main()
