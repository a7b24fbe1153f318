"""Tokens a second and model-FLOPs utilisation of pretraining, on the device that is there.

The project's own loop trains (batches made ahead, losses read every ten steps), on random documents of one length, for
two models: `small` (modernbert) and a BERT of 110 million parameters, in float32 and bfloat16, eager and compiled.

    python -m benchmarks.gpu                 # a GPU: seven minutes at most, a table in Markdown
    python -m benchmarks.gpu --quick         # a tiny model for some seconds, on a CPU too

Model FLOPs are what the mathematics asks for, whatever is computed: A. Chowdhery et al., "PaLM" (2022), appendix B.
A weight matrix of N numbers takes 2 N a token forward and 4 N backward; attention 12 x hidden size x length a token
and layer, forward and backward. Scores of the vocabulary are counted for the hidden tokens alone, a fifth of all, since
nothing else is scored; token embeddings, the optimiser and what is computed again count nothing. Utilisation is
(FLOPs a token) x (tokens a second) / peak. The peak is that of one large matrix product in the same precision, measured
in the same run; beside it stands the data sheet's of dense bfloat16 products, where the card is known.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForMaskedLM, PreTrainedModel

from models.backbone import presets
from models.backbone.config import ModelConfig
from models.backbone.layers import inner_matrices, matrices
from models.interfaces.objective import Vocabulary
from models.pretraining.batches import Batches
from models.tokens.documents import Documents
from models.training.hardware import hardware
from models.training.loop import train
from models.training.optimizers import OptimizerConfig, OptimizerKind
from models.training.plan import Plan
from models.training.record import Record
from models.training.settings import Precision, TrainingSettings
from models.upstream.mlm import MaskedLanguageModelling
from models.workplace import Workplace

MODELS = {
    "small": ModelConfig(size="small"),
    "110M": ModelConfig(preset="bert", hidden_size=768, layers=12, heads=12),
}
TINY = {"tiny": ModelConfig(size="tiny")}
DATA_SHEET = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}
"""Dense bfloat16 products a second, SXM where there is a choice."""
SPECIAL = 5


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    size: str
    model: ModelConfig
    precision: Precision
    compiled: bool
    optimizer: OptimizerKind = "adamw"


@dataclass(frozen=True)
class Text:
    """The random documents that are read."""

    tokens: int
    """Of a batch."""
    length: int
    vocabulary: int


class _Enough(Exception):
    pass


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tiny model for some seconds")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-tokens", type=int, default=65_536)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=12.0, help="for each line, beside compiling")
    parser.add_argument("--minutes", type=float, default=7.0, help="no line begins later")
    options = parser.parse_args()
    text = Text(options.batch_tokens, options.length, 32_000)
    if options.quick:
        text, options.seconds = Text(512, 32, 1_000), 1.0
    end = time.monotonic() + 60 * options.minutes
    device = hardware(options.device).device
    peaks = {precision: peak(device, precision, options.quick) for precision in ("fp32", "bf16")}
    print(heading(device, peaks, text))
    for case in cases(options.quick):
        if time.monotonic() > end:
            print(f"| {case.size} {case.precision} | not measured: the time was up |", flush=True)
            continue
        try:
            print(line(case, measured(case, text, options.device, options.seconds), text, peaks), flush=True)
        except torch.OutOfMemoryError:
            print(
                f"| {case.size} {case.precision} | out of memory: take a lower --batch-tokens |", flush=True
            )


def cases(quick: bool) -> Iterator[Case]:
    """The lines, those that matter most first."""
    for size, model in (TINY if quick else MODELS).items():
        for precision in ("bf16", "fp32"):
            for compiled in (False,) if quick else (False, True):
                yield Case(size, model, precision, compiled)
    for size, model in (TINY if quick else MODELS).items():
        yield Case(size, model, "bf16", compiled=not quick, optimizer="muon")


def peak(device: torch.device, precision: Precision, quick: bool = False) -> float:
    """FLOPs a second of a large product."""
    width = 256 if quick else 8192
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    one, other = (torch.randn(width, width, device=device, dtype=dtype) for _ in "ab")
    rounds, best = 3 if quick else 20, 0.0
    for _ in range(4):  # the first warms up, and the best is what the device can do
        _wait(device)
        started = time.perf_counter()
        for _ in range(rounds):
            torch.mm(one, other)
        _wait(device)
        best = max(best, rounds * 2 * width**3 / (time.perf_counter() - started))
    return best


def measured(case: Case, text: Text, device: str, seconds: float) -> list[Record]:
    """The records of a training, the first of which warmed up."""
    torch.manual_seed(0)
    torch.compiler.reset()  # no line has what another one translated
    model = built(case.model, text)
    objective = MaskedLanguageModelling()
    words = Vocabulary(torch.arange(SPECIAL), SPECIAL - 1, torch.ones(text.vocabulary, dtype=torch.int64))
    batches = Batches(objective, documents(text), words, text.tokens, seed=1)
    records: list[Record] = []
    began: list[float] = []

    def on_log(record: Record) -> None:
        records.append(record)
        began.append(time.monotonic())
        if len(records) > 2 and began[-1] - began[0] > seconds:
            raise _Enough

    plan = Plan(
        steps=1_000_000,
        optimizer=OptimizerConfig(kind=case.optimizer, learning_rate=1e-4),
        seed=1,
        settings=TrainingSettings(precision=case.precision, compile=case.compiled),
        log_every=2 if text.tokens < 4096 else 10,
        workplace=Workplace(device),
    )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with suppress(_Enough):
        train(
            model,
            lambda step: [batches.at(step)],
            objective.losses,
            plan,
            targets_of=objective.targets,
            on_log=on_log,
        )
    return records


def built(config: ModelConfig, text: Text) -> PreTrainedModel:
    """A model with fresh weights for a vocabulary without words."""
    architecture = presets.architecture(config)
    special = {"pad_token_id": 0, "cls_token_id": 1, "bos_token_id": 1, "sep_token_id": 2, "eos_token_id": 2}
    for name, value in (special | {"vocab_size": text.vocabulary}).items():
        setattr(architecture, name, value)
    return AutoModelForMaskedLM.from_config(architecture, attn_implementation="sdpa")


def documents(text: Text) -> Documents:
    """Random ones of one length, some batches of them."""
    number = 8 * max(1, text.tokens // text.length)
    ids = np.random.default_rng(0).integers(SPECIAL, text.vocabulary, number * text.length, dtype=np.int32)
    sizes = np.full((number, 2), text.length, dtype=np.int32)
    starts = np.arange(number, dtype=np.int64) * text.length
    return Documents.apart([ids], np.zeros(number, dtype=np.int32), starts, sizes)


def flops_a_token(model: PreTrainedModel, length: float, asked: float, words: float | None = None) -> float:
    """Model FLOPs of learning from a token, of which a share is `asked` for by scores of `words`; None: of all."""
    inner = set(inner_matrices(model))
    within = sum(matrix.weight.numel() for matrix in matrices(model) if matrix.layer in inner)
    head = sum(matrix.weight.numel() for matrix in matrices(model) if matrix.layer not in inner)
    embeddings: Any = model.get_input_embeddings()
    size, width = embeddings.weight.shape  # of the output layer too, which is tied to them or as large
    head += (size if words is None else words) * width
    config = model.config
    return 6 * (within + asked * head) + 12 * config.num_hidden_layers * config.hidden_size * length


def heading(device: torch.device, peaks: dict[str, float], text: Text) -> str:
    """What was measured on, and the head of the table."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    return (
        f"torch {torch.__version__} on {name}; batches of {text.tokens:,} tokens, documents of {text.length}; a large "
        f"product reaches {peaks['fp32'] / 1e12:,.1f} TFLOP/s in fp32, {peaks['bf16'] / 1e12:,.1f} in bf16.\n\n"
        "| model | optimiser | precision | | tokens/s | TFLOP/s | of the product | of the data sheet | GiB |\n"
        "|---|---|---|---|---:|---:|---:|---:|---:|"
    )


def line(case: Case, records: list[Record], text: Text, peaks: dict[str, float]) -> str:
    """One line of the table: the median over the records but the first."""
    speed = statistics.median(record["train/tokens_per_second"] for record in records[1:])
    with torch.device("meta"):
        model = built(case.model, text)
    done = speed * flops_a_token(model, text.length, MaskedLanguageModelling().mask_rate)
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    sheet = next((peak for card, peak in DATA_SHEET.items() if card in name), None)
    share = f"{done / sheet:.1%}" if sheet and case.precision == "bf16" else "–"
    memory = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0
    how = "compiled" if case.compiled else "eager"
    return (
        f"| {case.size} | {case.optimizer} | {case.precision} | {how} | {speed:,.0f} | {done / 1e12:,.2f} "
        f"| {done / peaks[case.precision]:.1%} | {share} | {memory:.1f} |"
    )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
