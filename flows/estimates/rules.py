"""Rules of thumb, for what was never run or probed here: right within a factor of three or so."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from flows.estimates.quantities import Estimate, Interval
from flows.estimates.rates import Rows, stages
from models.backbone.config import ModelConfig
from models.pretraining.pretrain import PretrainConfig
from models.tokens.tokenizer import TokenizerConfig
from models.tuning.hyperparameters import Hyperparameters
from tasks.adapt import AdaptConfig
from tasks.graph import refs
from tasks.graph.refs import Ref
from tasks.ingest import IngestConfig
from tasks.reading.source import Source

FLOPS = 30e9
"""Floating-point operations a second that training small models reaches on two cores of 2020."""
LIBRARIES = 900e6
"""Bytes that Python with torch, transformers, Prefect and MLflow take before any data is read."""
WEIGHT = 4
"""Bytes of a float32. Training holds four of each: weight, gradient and the optimiser's two."""
PACKED = 3.5
"""How many times as much a packed file holds as it takes on the disk."""
STEP = 0.7
"""Seconds of any step: its run in MLflow and in Prefect, its files and their digests."""
A_MEGABYTE = {
    "ingest": 0.45, "validate": 0.03, "remove_leaks": 0.2, "hold_out": 0.05, "leaks": 0.3, "split": 0.05,
    "tokenizer": 0.75, "encode": 0.35,
}  # fmt: skip
"""Seconds for each megabyte of text, measured on one core of 2020."""
KEPT = {"ingest": 0.5, "validate": 0.5, "hold_out": 0.3, "encode": 0.6, "split": 0.4}
"""Bytes that are kept for each byte of text."""
ONCE = {"predict": 3.0, "report": 3.0, "register": 2.0, "promote": 2.0, "score": 0.8, "fetch": 2.0}
"""Seconds of steps that do much the same whatever the data."""


def data(ref: Ref) -> Estimate | None:
    """A step that reads text: by its megabytes. None where no file says how much that is."""
    if ref.step in ONCE:
        seconds = Interval.around(ONCE[ref.step], 2.0, 3.0)
        return Estimate(seconds, None, Interval.around(1e6, 3.0, 3.0), "rule")
    rate, read, looked_at = A_MEGABYTE.get(ref.step), megabytes(ref), work(ref)
    if rate is None or read is None or looked_at is None:
        return None
    seconds = Interval.around(STEP + rate * looked_at, 2.0, 2.0)
    memory = Interval.around(LIBRARIES / 2 + 15e6 * looked_at, 2.0, 2.0) if ref.step == "tokenizer" else None
    return Estimate(seconds, memory, Interval.around(1e6 * KEPT.get(ref.step, 0.05) * read, 2.0, 2.0), "rule")


def work(ref: Ref) -> float | None:
    """Megabytes of text that the time of a step goes by; None where it goes by none, or no file says how much."""
    epochs = isinstance(ref.config, PretrainConfig) and ref.config.train.tokens is None
    read = megabytes(ref) if epochs or ref.step in A_MEGABYTE else None
    bounded = getattr(ref.config, "sample", None)  # where a setting says how much is looked at, at most
    return min(read, bounded / 1e6) if read is not None and isinstance(bounded, int) and bounded else read


def megabytes(ref: Ref) -> float | None:
    """Text that a step reads, unpacked; None where it does not come from files."""
    sources = {source.key: size for source in _read(ref) if (size := _source_megabytes(source)) is not None}
    return sum(sources.values()) if sources else None


def _read(ref: Ref) -> list[Ref]:
    """What read the files behind `ref`, not those behind the models and tokenizers that it uses."""
    found, seen, todo = list[Ref](), set[str](), [ref]
    while todo:
        item = todo.pop()
        if item.key in seen:
            continue
        seen.add(item.key)
        if _sources(item):
            found.append(item)
        todo += [
            one for one in item.parents() if not isinstance(one, refs.Tokenizer | refs.Model | refs.Adapted)
        ]
    return found


def _sources(ref: Ref) -> Sequence[Source]:
    values = [getattr(ref.config, name) for name in type(ref.config).model_fields]
    items = [item for value in values for item in (value if isinstance(value, tuple) else (value,))]
    return [item for item in items if isinstance(item, Source)]


@cache
def _source_megabytes(ref: Ref) -> float | None:
    if isinstance(ref.config, IngestConfig) and (piece := ref.config.piece) is not None:
        return (piece.end - piece.start) / 1e6
    try:
        paths = [path for source in _sources(ref) for path, _ in source.by_file() if path is not None]
        return sum(map(text_bytes, paths)) / 1e6 if paths else None
    except (OSError, NotImplementedError):
        return None


def text_bytes(path: Path | None) -> float:
    """Bytes of text in a file, about."""
    if path is None:
        return 0.0
    packed = path.suffix in (".gz", ".bz2", ".xz", ".zst", ".zip")
    return path.stat().st_size * (PACKED if packed else 1.0)


def pretraining(ref: Ref, config: PretrainConfig) -> Estimate:
    """By the operations that a token takes."""
    total, active = _parameters(config.model, _vocabulary(ref))
    tokens = config.train.tokens
    seconds = None if tokens is None else Interval.around(STEP + 6 * active * tokens / FLOPS, 3.0, 3.0)
    memory = _training_memory(total, config.train.batch_tokens, config.model)
    disk = Interval.around(WEIGHT * total, 1.2, 1.2)
    return Estimate(seconds, Interval.around(memory, 1.5, 2.0), disk, "rule")


def adapting(ref: Ref, config: AdaptConfig, rows: Rows | None) -> Estimate:
    """By the operations that a token takes; texts are taken to be a third of the longest."""
    how = config.way
    labels = rows.learnt(config) if rows else config.labels
    if not isinstance(how, Hyperparameters):
        return Estimate(Interval.around(5 + 1e-3 * (labels or 10_000), 4.0, 4.0), basis="rule")
    total, active = _parameters(config.model, _vocabulary(ref))
    seconds = None
    if labels is not None:
        steps = sum(how.steps(count) for count in stages(how, labels))
        tokens = steps * how.step_rows * _longest(config) / 3
        seconds = Interval.around(STEP + 6 * active * tokens / FLOPS, 3.0, 3.0)
    memory = _training_memory(total, how.batch_size * _longest(config), config.model)
    return Estimate(
        seconds, Interval.around(memory, 1.5, 2.0), Interval.around(WEIGHT * total, 1.2, 1.2), "rule"
    )


def _longest(config: AdaptConfig) -> int:
    downstream: Any = config.downstream
    return downstream.max_length


def _parameters(model: ModelConfig, vocabulary: int) -> tuple[float, float]:
    """Weights in all, and those that every token is multiplied with."""
    hidden, layers, _ = model.shape
    intermediate = model.intermediate_size or hidden * 2
    active = layers * (4 * hidden * hidden + 3 * hidden * intermediate) + hidden * hidden
    return active + vocabulary * hidden, active


def _training_memory(parameters: float, tokens: int, model: ModelConfig) -> float:
    hidden, layers, _ = model.shape
    activations = 20 * tokens * hidden * layers * WEIGHT
    return LIBRARIES + 4 * WEIGHT * parameters + activations


def _vocabulary(ref: Ref) -> int:
    """Size of the vocabulary that the model of `ref` reads."""
    for parent in ref.parents():
        if isinstance(parent.config, TokenizerConfig):
            return parent.config.vocabulary
        if found := _vocabulary(parent):
            return found
    return 0
