"""What it is worth to share a pretraining among processes: `small`, learnt by one process with all threads, and by
several with a share of them each, as a ratio of tokens a second.

    python -m benchmarks.processes [--processes 2] [--threads 2] [--quick]

The ways take turns, so that a busy machine slows all of them.
"""

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch.multiprocessing.spawn import start_processes
from transformers import AutoModelForMaskedLM

from benchmarks import pairs
from models.backbone import presets
from models.backbone.config import ModelConfig
from models.interfaces.objective import Vocabulary
from models.training import distributed
from models.training.loop import train
from models.training.optimizers import OptimizerConfig
from models.training.plan import Plan
from models.training.settings import Sharding
from models.upstream.mlm import MaskedLanguageModelling
from models.workplace import Workplace

WORDS, LENGTH, SPECIAL = 8_000, 128, 5
STEPS = 8
"""Of which the first half warms up."""


def main() -> None:
    """Print the ratios."""
    parser = pairs.parser(__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-tokens", type=int, default=8192)
    options = pairs.options(parser)
    if options.quick:
        options.batch_tokens = 256
    ways: list[tuple[int, Sharding]] = [
        (1, "none"),
        (options.processes, "none"),
        (options.processes, "optimizer"),
    ]
    speeds: dict[tuple[int, Sharding], list[float]] = {way: [] for way in ways}
    for _ in range(options.pairs):
        for way in ways:
            speeds[way].append(speed(*way, options.threads, options.batch_tokens))
    alone = statistics.median(speeds[ways[0]])
    shared = statistics.median(speeds[ways[1]])
    for (processes, sharding), found in speeds.items():
        middle = statistics.median(found)
        print(
            f"{processes} processes, {max(1, options.threads // processes)} threads each, sharding {sharding}: "
            f"{middle:,.0f} tokens/s, {middle / alone:.2f} × one process (of {[round(item) for item in found]})",
            flush=True,
        )
    print(f"{options.processes} processes / one: {shared / alone:.2f} x the tokens a second")


def speed(processes: int, sharding: Sharding, threads: int, batch_tokens: int) -> float:
    """Tokens a second, in processes that are started for it."""
    with TemporaryDirectory() as place:
        given = (processes, sharding, max(1, threads // processes), batch_tokens, Path(place))
        start_processes(learn, given, processes)
        return float((Path(place) / "speed").read_text())


def learn(
    rank: int, processes: int, sharding: Sharding, threads: int, batch_tokens: int, place: Path
) -> None:
    """What each of them does; the first writes down how fast it was."""
    torch.set_num_threads(threads)
    if processes == 1:
        measure(sharding, threads, batch_tokens, place)
        return
    with distributed.joined(rank, processes, "auto", place / "meeting"):
        measure(sharding, threads, batch_tokens, place)


def measure(sharding: Sharding, threads: int, batch_tokens: int, place: Path) -> None:
    """Learn for some steps."""
    torch.manual_seed(0)
    architecture = presets.architecture(ModelConfig(size="small"))
    special = {"pad_token_id": 0, "cls_token_id": 1, "bos_token_id": 1, "sep_token_id": 2, "eos_token_id": 2}
    for name, value in (special | {"vocab_size": WORDS}).items():
        setattr(architecture, name, value)
    model = AutoModelForMaskedLM.from_config(architecture, attn_implementation="sdpa")
    objective = MaskedLanguageModelling()
    words = Vocabulary(torch.arange(SPECIAL), SPECIAL - 1, torch.ones(WORDS, dtype=torch.int64))

    def batch_at(step: int) -> dict[str, torch.Tensor]:
        ids = np.random.default_rng(step).integers(SPECIAL, WORDS, (batch_tokens // LENGTH, LENGTH))
        return objective.batch(
            {"input_ids": torch.from_numpy(ids)}, words, torch.Generator().manual_seed(step)
        )

    history = train(
        model,
        lambda step: [batch_at(step)],
        objective.losses,
        Plan(
            steps=STEPS,
            optimizer=OptimizerConfig(kind="muon", learning_rate=1e-3),
            seed=1,
            log_every=STEPS // 2,
            workplace=Workplace("auto", threads),
            sharding=sharding,
        ),
        targets_of=objective.targets,
        part_of=objective.part,
    )
    if distributed.team().leads:
        (place / "speed").write_text(str(history[-1]["train/tokens_per_second"]))


if __name__ == "__main__":
    main()
