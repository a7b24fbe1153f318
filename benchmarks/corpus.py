"""What a corpus takes from its files to tokens, how well near duplicates are found, and the same by `datatrove`.

1. All steps from `ingest` to `encode`, by one command in a new home: seconds in all and of each step, and when the
   first of its kind begins and the last ends. `--sample` is the bytes of text that the tokenizer is trained on.
2. Near duplicates: of the pairs of texts that are alike (Jaccard of shingles, computed exactly), how many are met, and
   of what goes, how much is like what stays; the same of MinHash alone, as the library `rensa` has it.
3. Reading, cleaning, exact and near duplicates, ours in one process beside datatrove's local executor with two workers,
   on `--texts` texts, a sixteenth of the Korean corpus, for which datatrove takes about a minute. Where no datatrove is
   installed this is left out.

    python -m benchmarks.corpus CORPUS [--only steps|alike|datatrove] [--texts 27000] [--datatrove PYTHON]
        [--vocabulary 32000] [--sample BYTES] [--work DIR]

CORPUS is a folder of `*.jsonl.gz` with the columns `id` and `text`. `--datatrove` names a Python that has
`datatrove[io,processing]`, in an environment of its own say.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import count, islice
from math import inf
from pathlib import Path

from mlflow import MlflowClient

from benchmarks import growth, jaccard, pairs
from models.data.cleaning import CleanConfig
from models.data.gathering import Gathering
from models.data.ingestion import Ingestion
from tasks.reading.source import read_all
from tasks.sources.files import Files


def main() -> None:
    """Print a table of the steps, one of near duplicates, and the ratio to datatrove last."""
    parser = growth.of_corpus(pairs.parser(__doc__))
    parser.add_argument("--only", choices=("steps", "alike", "datatrove"), help="one part of it")
    parser.add_argument("--sample", type=int, help="bytes of text that the tokenizer is trained on")
    parser.add_argument("--texts", type=int, default=27_000, help="of the comparison with datatrove")
    parser.add_argument("--datatrove", default=sys.executable, metavar="PYTHON")
    options = growth.named(parser)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        place = Path(folder)
        if options.quick:
            options.corpus, options.texts = growth.invented(place / "corpus"), 1000
            options.vocabulary = 500
        if options.only in (None, "steps"):
            steps(place, options)
        if options.only in (None, "alike"):
            alike(place / "all", sorted(options.corpus.glob("*.jsonl.gz")))
        if options.only in (None, "datatrove"):
            beside_datatrove(place, options)


def steps(place: Path, options: argparse.Namespace) -> None:
    """All steps by one command, in a new home."""
    tokenizer = {"vocabulary": options.vocabulary} | ({"sample": options.sample} if options.sample else {})
    recipe = growth.recipe(place, tokenizer, options.corpus / "*.jsonl.gz")
    begun = time.time()
    ran, seconds, used = growth.commanded(recipe, place, "hold_out", "encode")
    took = dict.fromkeys(growth.STEPS, 0.0)
    for step in ran:
        took[step["step"]] += step["seconds"] or 0.0
    spans = _spans(place / "home")
    print("| step | run | seconds of steps | from | to |\n|---|--:|--:|--:|--:|")
    for name in growth.STEPS:
        first, last = (moment - begun for moment in spans[name])
        number = sum(step["step"] == name for step in ran)
        print(f"| {name} | {number} | {took[name]:.1f} | {first:.1f} | {last:.1f} |")
    print(
        f"\nall, by one command: {seconds:.1f} s, {used.ru_utime:.1f} user-CPU s; steps {sum(took.values()):.1f} s\n",
        flush=True,
    )


def _spans(home: Path) -> dict[str, tuple[float, float]]:
    """When the first run of each step began, and the last ended, by MLflow's record."""
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    spans: dict[str, tuple[float, float]] = {}
    for run in client.search_runs([item.experiment_id for item in client.search_experiments()]):
        first, last = spans.get(name := run.info.run_name or "", (inf, 0.0))
        began, ended = (run.info.start_time or 0) / 1000, (run.info.end_time or 0) / 1000
        spans[name] = min(first, began), max(last, ended)
    return spans


def alike(place: Path, files: Sequence[Path]) -> None:
    """How well near duplicates are found."""
    threshold = CleanConfig().near_duplicates
    assert threshold is not None
    shards = gathered(files, place)
    texts, gone = jaccard.compared(shards, place / "corpus", CleanConfig().near_minimum)
    true = jaccard.pairs(texts, threshold)
    ways = {"headwater": gone, "rensa alone": jaccard.by_rensa(texts, threshold)}
    print(f"{len(texts):,} texts long enough, {len(true):,} pairs of them alike at {threshold}\n")
    print("| | go | like one that stays | pairs met |\n|---|--:|--:|--:|")
    for name, found in ways.items():
        right = sum(jaccard.similarity(texts[one], texts[of]) >= threshold for one, of in found.items())
        met = sum(one in found or other in found for one, other in true)
        print(
            f"| {name} | {len(found):,} | {right / max(1, len(found)):.3f} | {met / max(1, len(true)):.3f} |"
        )
    print(flush=True)


def gathered(files: Sequence[Path], place: Path) -> list[Path]:
    """The shards of files, read and cleaned, and beside them the corpus without what repeats."""
    shards = []
    for number, path in enumerate(files):
        shard = place / f"{number:03d}"
        shard.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as work:
            rows = read_all([Files(paths=(str(path),))])
            Ingestion(True, CleanConfig(), Path(work)).run(rows, shard)
        shards.append(shard)
    (place / "corpus").mkdir()
    with tempfile.TemporaryDirectory() as work:
        Gathering(shards, CleanConfig(), Path(work), place / "corpus").write(seed=1, share=0.01)
    return shards


def beside_datatrove(place: Path, options: argparse.Namespace) -> None:
    """The same texts by both, in turns."""
    known = subprocess.run([options.datatrove, "-c", "import datatrove"], capture_output=True)
    if known.returncode:
        print("datatrove is not installed, so it is not compared: give a Python that has it by --datatrove")
        return
    texts = growth.rows_of(options.corpus)
    rows = [*islice(texts, options.texts)]
    share = len(rows) / (len(rows) + sum(1 for _ in texts))
    size = sum(len(json.dumps(row, ensure_ascii=False).encode()) + 1 for row in rows)
    growth.written(iter(rows), place / "text", -(-size // 2))
    files, number = sorted((place / "text").iterdir()), count()

    def ours() -> None:
        gathered(files, place / f"ours-{next(number)}")

    def theirs() -> None:
        out = place / f"theirs-{next(number)}"
        script = Path(__file__).with_name("by_datatrove.py")
        ended = subprocess.run(
            [options.datatrove, str(script), str(place / "text"), str(out)], capture_output=True, text=True
        )
        if ended.returncode:
            raise SystemExit(f"{script} failed: {ended.stderr[-2000:]}")

    print(
        f"the first {len(rows):,} texts ({share:.0%} of the corpus), {size / 1e6:.1f} MB of JSON lines: ours in one "
        "process, theirs by two workers",
        flush=True,
    )
    pairs.pairs(ours, theirs, options.pairs, warm_up=False)


if __name__ == "__main__":
    main()
