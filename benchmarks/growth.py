"""What the steps on a corpus take while it grows: seconds, and the most memory of a process, at 1x, 4x and 16x.

A larger corpus is the given one several times over, with other ids and some words changed in each copy, so that hardly
anything in it repeats; in files of one size, so that there are more of them. Each step runs by a command of its own, as
`headwater run --only STEP` does, and finds what the steps before it have made. Then the night: the corpus in a hundred
files, and one more: which steps that makes run.

    python -m benchmarks.growth CORPUS [--times 1 4 16] [--shard-mb 8] [--nightly 100] [--work DIR]

CORPUS is a folder of `*.jsonl.gz` with the columns `id` and `text`. In its short form texts are made up.
"""

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from resource import struct_rusage
from typing import Any

from benchmarks import pairs
from flows.recipe import yaml_text
from tasks.reading.source import Record
from tasks.sources.demo import Demo

STEPS = ("ingest", "validate", "hold_out", "tokenizer", "encode")
CHANGED = 0.15
"""Share of a copy's words that are others; one at least in each text."""


@dataclass(frozen=True)
class Taken:
    """What a command took: how many steps it ran, of each name; `processor` the seconds
    of its processors, `work` those of all steps, one by one."""

    ran: Counter[str]
    seconds: float
    processor: float
    work: float
    peak: float


def main() -> None:
    """Print a table for each size, the night, and last how the sizes compare."""
    parser = of_corpus(pairs.parser(__doc__))
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--shard-mb", type=float, default=8)
    parser.add_argument("--nightly", type=int, default=100, help="files before the new one; 0 leaves it out")
    parser.add_argument("--seed", type=int, default=1)
    options = named(parser)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        if options.quick:
            options.corpus, options.times = invented(Path(folder) / "corpus"), [1, 2]
            options.shard_mb, options.nightly, options.vocabulary = 0.2, 0, 500
        made = {}
        for times in options.times:
            place = Path(folder) / f"{times}x"
            rows = grown(options.corpus, times, options.seed)
            size = written(rows, place / "text", round(options.shard_mb * 1e6))
            path = recipe(place, {"vocabulary": options.vocabulary})
            made[times] = {step: run(path, place, step) for step in STEPS}
            show(f"{times}x: {size / 1e6:,.0f} MB in {files(place)} files", made[times], size)
        if options.nightly:
            night(Path(folder) / "night", options)
        compared(made)


def of_corpus(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds the arguments of a benchmark of a corpus."""
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--vocabulary", type=int, default=32_000)
    parser.add_argument("--work", type=Path, help="where files and stores are made; a temporary folder else")
    return parser


def named(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What was given, a corpus among it, which the short form makes up."""
    options = pairs.options(parser)
    if options.corpus is None and not options.quick:
        parser.error("name the folder of a corpus; or --quick")
    return options


def invented(folder: Path) -> Path:
    """Texts of the demo's world, for the short form."""
    folder.mkdir()
    rows = (item.fields for item in Demo(documents=2000).read() if isinstance(item, Record))
    texts = (row for row in rows if row["text"] is not None)  # some are planted without one
    with gzip.open(folder / "corpus.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in texts)
    return folder


def grown(corpus: Path, times: int, seed: int) -> Iterator[dict[str, Any]]:
    """The rows of a corpus, and of copies of it in which ids and some words are others."""
    words = [word for row in islice(rows_of(corpus), 20_000) for word in str(row["text"]).split()]
    for copy in range(times):
        draw = random.Random(f"{seed}:{copy}")
        for row in rows_of(corpus):
            yield (
                row
                if not copy
                else row | {"id": f"{copy}:{row['id']}", "text": _changed(row["text"], words, draw)}
            )


def _changed(text: str, words: Sequence[str], draw: random.Random) -> str:
    own = text.split(" ")
    for place in draw.sample(range(len(own)), max(1, round(CHANGED * len(own)))):
        own[place] = draw.choice(words)
    return " ".join(own)


def rows_of(corpus: Path) -> Iterator[dict[str, Any]]:
    """All rows of a corpus, in order."""
    for path in sorted(corpus.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def written(rows: Iterator[dict[str, Any]], folder: Path, size: int) -> int:
    """Rows in files of about `size` bytes each, named in their order; bytes in all."""
    folder.mkdir(parents=True, exist_ok=True)
    total, number, own = 0, 0, bytearray()
    for row in rows:
        own += json.dumps(row, ensure_ascii=False).encode() + b"\n"
        if len(own) >= size:
            (folder / f"text-{number:05d}.jsonl").write_bytes(own)
            total, number, own = total + len(own), number + 1, bytearray()
    if own:
        (folder / f"text-{number:05d}.jsonl").write_bytes(own)
    return total + len(own)


def files(place: Path) -> int:
    """How many files the text is in."""
    return len(list((place / "text").iterdir()))


def recipe(place: Path, tokenizer: Mapping[str, int], texts: Path | None = None) -> Path:
    """A recipe that goes as far as the encoded corpus, of the files that `texts` names or those that were written."""
    path = place / "recipe.yaml"
    upstream = {
        "objective": "mlm",
        "tokenizer": dict(tokenizer),
        "model": {"size": "tiny"},
        "train": {"tokens": 1000},
    }
    sources = [{"kind": "files", "paths": [str(texts or place / "text" / "*.jsonl")]}]
    path.write_text(
        yaml_text.dump({"name": "growth", "corpus": {"sources": sources}, "upstreams": [upstream]})
    )
    return path


def run(path: Path, place: Path, *steps: str) -> Taken:
    """Run steps by a command of its own."""
    every, seconds, used = commanded(path, place, *steps)
    done = [step for step in every if step["status"] == "run"]
    peaks = [step["metrics"].get("memory/peak_bytes", 0.0) for step in done]
    return Taken(
        Counter(step["step"] for step in done),
        seconds,
        used.ru_utime + used.ru_stime,
        sum(step["seconds"] or 0.0 for step in done),
        max([used.ru_maxrss * 1024, *peaks]),
    )


def commanded(path: Path, place: Path, *steps: str) -> tuple[list[dict[str, Any]], float, struct_rusage]:
    """What `headwater run` says of its steps, with a home in `place`; its seconds, and what it used.

    Raises:
        SystemExit: it has failed; its last words.
    """
    command = [sys.executable, "-m", "flows.cli", "run", str(path), "--only", ",".join(steps), "--json"]
    out, started = place / "out.json", time.monotonic()
    errors = place / "errors.txt"
    with out.open("wb") as said, errors.open("wb") as complained:
        process = subprocess.Popen(
            command,
            stdout=said,
            stderr=complained,
            env={**os.environ, "HEADWATER_HOME": str(place / "home"), "PREFECT_HOME": ""},
        )
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    if status:
        raise SystemExit(f"{' '.join(command)} failed: {errors.read_text(encoding='utf-8')[-2000:]}")
    return json.loads(out.read_text(encoding="utf-8"))["steps"], seconds, used


def show(title: str, taken: dict[str, Taken], size: int) -> None:
    """A table of the steps."""
    print(
        f"\n{title}\n\n| step | run | seconds | CPU seconds | of work | MB/s | peak memory, MB |\n"
        "|---|--:|--:|--:|--:|--:|--:|"
    )
    for step, one in taken.items():
        numbers = (
            one.ran[step],
            one.seconds,
            one.processor,
            one.work,
            size / 1e6 / one.seconds,
            one.peak / 1e6,
        )
        print("| {} | {} | {:.1f} | {:.1f} | {:.1f} | {:.1f} | {:.0f} |".format(step, *numbers), flush=True)


def compared(made: dict[int, dict[str, Taken]]) -> None:
    """Each size beside the smallest."""
    first, *others = made
    for times in others:
        print(f"\n{times}x beside {first}x\n")
        print("| step | seconds | CPU seconds | of work | peak memory |\n|---|--:|--:|--:|--:|")
        for step, one in made[times].items():
            base = made[first][step]
            both = (
                (one.seconds, base.seconds),
                (one.processor, base.processor),
                (one.work, base.work),
                (one.peak, base.peak),
            )
            ratios = (now / max(then, 1e-3) for now, then in both)
            print("| {} | {:.2f} | {:.2f} | {:.2f} | {:.2f} |".format(step, *ratios), flush=True)
        now, then = (sum(one.processor for one in made[size].values()) for size in (times, first))
        print(f"\n{times}x / {first}x: {now / then:.2f} x the CPU seconds, for {times / first:g} x the text")


def night(place: Path, options: argparse.Namespace) -> None:
    """A corpus of many files gets one more."""
    whole = sum(len(json.dumps(row, ensure_ascii=False).encode()) + 1 for row in rows_of(options.corpus))
    written(rows_of(options.corpus), place / "text", whole // (options.nightly + 1))
    path = recipe(place, {"vocabulary": options.vocabulary})
    new = sorted((place / "text").iterdir())[options.nightly :]
    kept = [(item, item.read_bytes()) for item in new[:1]]
    for item in new:
        item.unlink()
    print(f"\nThe night: {files(place)} files, and one more\n")
    print("| | steps that ran | seconds | CPU seconds |\n|---|---|--:|--:|")
    for title in ("first", "one more", "nothing new"):
        taken = run(path, place, "encode", "hold_out")
        steps = ", ".join(f"{number} {step}" for step, number in taken.ran.items())
        print(f"| {title} | {steps or 'none'} | {taken.seconds:.1f} | {taken.processor:.1f} |", flush=True)
        for item, content in kept:
            item.write_bytes(content)


if __name__ == "__main__":
    main()
