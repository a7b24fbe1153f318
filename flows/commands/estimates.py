"""About how long a step takes, and how much memory and disk: as it was last time, else by rule of thumb."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.backbone.config import ModelConfig
from models.pretraining.pretrain import PretrainConfig
from models.tuning.hyperparameters import Hyperparameters
from tasks.adapt import AdaptConfig
from tasks.environment import Machine
from tasks.graph.refs import Ref
from tasks.graph.step import step_of
from tasks.storage import artifacts
from tasks.tokenizer import TokenizerConfig

FLOPS = 30e9
"""Floating-point operations a second that training small models reaches on two cores of 2020."""
LIBRARIES = 900e6
"""Bytes that Python with torch, transformers, Prefect and MLflow take before any data is read."""
WEIGHT = 4
"""Bytes of a float32. Training holds four of each: weight, gradient and the optimiser's two."""
STARTING = 15.0
"""Seconds until a training process has imported its libraries."""


@dataclass(frozen=True)
class Estimate:
    """Of one step; None where nothing is known."""

    seconds: float | None
    memory: float | None
    disk: float | None


def estimate(recipe: str, ref: Ref) -> Estimate:
    """What making `ref` will take in a recipe of this name."""
    past = _past(recipe, ref)
    if past is not None:
        return past
    if isinstance(ref.config, PretrainConfig):
        return _pretraining(ref, ref.config)
    if isinstance(ref.config, AdaptConfig):
        return _adapting(ref, ref.config)
    return Estimate(None, None, None)


def _past(recipe: str, ref: Ref) -> Estimate | None:
    """As the newest run of the same step for the same entry, scaled to the tokens or labels there are now."""
    about = ref.about
    tags = {
        "headwater.step": ref.step,
        "headwater.name": about.downstream or about.upstream,
        "headwater.mode": about.mode,
    }
    # How many rows "all" were is known from then on; that all were asked for stays.
    tags |= {name: value for name, value in about.tags().items() if "labels" in name}
    made = artifacts.newest(recipe, tags)
    if made is None:
        return None
    seconds = made.seconds
    speed = made.metrics.get("train/tokens_per_second")
    if isinstance(ref.config, PretrainConfig) and ref.config.train.tokens and speed:
        seconds = STARTING + ref.config.train.tokens / speed
    memory = made.metrics.get("train/memory_bytes")
    return Estimate(seconds, memory, artifacts.size(made.run_id))


def _pretraining(ref: Ref, config: PretrainConfig) -> Estimate:
    total, active = _parameters(config.model, _vocabulary(ref))
    tokens = config.train.tokens
    seconds = None if tokens is None else STARTING + 6 * active * tokens / FLOPS
    return Estimate(seconds, _training_memory(total, config.train.batch_tokens, config.model), WEIGHT * total)


def _adapting(ref: Ref, config: AdaptConfig) -> Estimate:
    how = config.way
    if not isinstance(how, Hyperparameters):
        return Estimate(None, None, None)
    total, active = _parameters(config.model, _vocabulary(ref))
    seconds = None
    if config.labels is not None:
        rows = min(config.labels, how.search_rows)
        finals = len(how.ways) if rows < config.labels and how.trials > 1 else 0
        steps = how.trials * how.steps(rows) + finals * how.steps(config.labels)
        tokens = (
            steps * how.step_rows * config.downstream.max_length / 3
        )  # texts are shorter than the longest
        seconds = STARTING + 6 * active * tokens / FLOPS
    memory = _training_memory(total, how.batch_size * config.downstream.max_length, config.model)
    return Estimate(seconds, memory, WEIGHT * total)


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


def total(estimates: Mapping[Ref, Estimate], machine: Machine) -> Estimate:
    """Of all steps: those that leave room for others run as many at once as there are jobs, the rest one by one.

    Memory is that of the largest steps that may run at once.
    """
    jobs = min(machine.jobs, machine.cores)
    seconds = sum(
        item.seconds / (jobs if step_of(ref).process(ref) == "shared" else 1)
        for ref, item in estimates.items()
        if item.seconds is not None
    )
    memory = sorted((item.memory for item in estimates.values() if item.memory is not None), reverse=True)
    disk = sum(item.disk for item in estimates.values() if item.disk is not None)
    return Estimate(seconds, sum(memory[:jobs]) or LIBRARIES, disk)
