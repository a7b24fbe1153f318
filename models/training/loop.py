"""The one training loop, for pretraining and fine-tuning: exact resume, metrics, evaluation, best weights.

Nothing depends on how often a random generator was asked: `batch_at(step)` must be a pure function of the step,
and torch's own generator (dropout) is seeded anew from (seed, step). So a run that is killed and goes on from its
newest whole checkpoint ends, on the CPU, with the same bits as one that never stopped.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import psutil
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from models.errors import DataError
from models.seeds import derive
from models.training import checkpoints, optimizers
from models.training.optimizers import OptimizerConfig
from models.training.record import Record
from models.workplace import Workplace

M = TypeVar("M", bound=nn.Module)
Batch = Mapping[str, Tensor]
"""Tensors by name; `input_ids` (rows, length) is there, `attention_mask` where rows are padded."""


class Diverged(DataError):
    """The loss is no longer finite."""


@dataclass(frozen=True)
class Plan:
    """What one training does; only steps, optimizer, seed, evaluate_every and keep_best change its weights."""

    steps: int
    optimizer: OptimizerConfig
    seed: int
    log_every: int = 50
    """Steps between two records; the losses between them are averaged."""
    evaluate_every: int = 0
    """Steps between two evaluations; the last step is always evaluated. 0: only the last."""
    keep_best: str | None = None
    """Name of an evaluation metric, higher is better: the model ends with the weights of its best evaluation."""
    workplace: Workplace = field(default_factory=Workplace)
    """Where it happens; checkpoints are written to its folder, if it has one."""
    checkpoint_seconds: float = 60.0
    """Time between two checkpoints. When they are written changes no result."""


def train(
    model: M,
    batch_at: Callable[[int], Batch],
    loss_of: Callable[[M, Batch], Mapping[str, Tensor]],
    plan: Plan,
    *,
    evaluate: Callable[[M], Mapping[str, float]] | None = None,
    on_log: Callable[[Record], None] = lambda record: None,
    on_progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> list[Record]:
    """Trains `model` in place and gives back its curve.

    Args:
        batch_at: the batch of a step (0-based), on the CPU; a pure function.
        loss_of: scalars by name; `loss` is minimised, the others are only logged, as `train/<name>`.
        evaluate: metrics of the model in evaluation mode without gradients, logged as `eval/<name>`.
        on_log: called for every record. After a resume it is called for the checkpoint's records first, so a
            new tracking run gets the whole curve, without a gap and without a double.
        on_progress: steps done, steps in all, and a word on how it goes.

    Raises:
        Diverged: the loss is no longer finite.
    """
    run = _Run(model, plan)
    with _reproducible(plan, run.accelerator.device):
        run.resume()
        for record in run.history:
            on_log(record)
        while run.step < plan.steps:
            run.advance(batch_at(run.step), loss_of)
            if run.is_due(plan.log_every) or run.is_due(plan.evaluate_every):
                with_eval = evaluate if run.is_due(plan.evaluate_every) else None
                on_log(run.record(with_eval))
            run.save_if_due()
            on_progress(run.step, plan.steps, run.text())
        run.finish()
    return run.history


class _Run(Generic[M]):
    """The state of a training between two steps."""

    def __init__(self, model: M, plan: Plan) -> None:
        self.plan = plan
        self.accelerator = accelerator(plan.workplace.device)
        self.model: M = model.to(self.accelerator.device)
        self.optimizers = optimizers.build(self.model, plan.optimizer)
        self.step = 0
        self.tokens = 0
        self.sums: dict[str, float] = {}
        self.summed = 0
        self.history: list[Record] = []
        self.best: dict[str, Tensor] | None = None
        self.best_score = float("-inf")
        self.clock = self.saved_at = time.monotonic()
        self.clock_tokens = 0

    def is_due(self, every: int) -> bool:
        return self.step == self.plan.steps or (every > 0 and self.step % every == 0)

    def advance(self, batch: Batch, loss_of: Callable[[M, Batch], Mapping[str, Tensor]]) -> None:
        """One step on one batch."""
        plan, device = self.plan, self.accelerator.device
        self.tokens += (
            int(batch["attention_mask"].sum()) if "attention_mask" in batch else batch["input_ids"].numel()
        )
        batch = {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
        torch.manual_seed(derive(plan.seed, "step", self.step))
        self.model.train()
        with self.accelerator.autocast():
            losses = loss_of(self.model, batch)
        self.accelerator.backward(losses["loss"])
        if plan.optimizer.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), plan.optimizer.clip)
        optimizers.set_rate(self.optimizers, plan.optimizer.rate(self.step, plan.steps))
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
        self.summed += 1
        self.step += 1

    def record(self, evaluate: Callable[[M], Mapping[str, float]] | None) -> Record:
        """Closes the running averages into a point of the curve, evaluated where asked."""
        seconds = max(time.monotonic() - self.clock, 1e-9)
        record: Record = {"step": self.step, "tokens": self.tokens}
        record |= {f"train/{name}": total / self.summed for name, total in self.sums.items()}
        if not torch.tensor(record["train/loss"]).isfinite():
            raise Diverged(
                f"training diverged: the loss is {record['train/loss']} before step {self.step} of {self.plan.steps}; "
                f"lower optimizer.learning_rate (now {self.plan.optimizer.learning_rate:g})"
            )
        rate = self.plan.optimizer.learning_rate * self.plan.optimizer.rate(self.step - 1, self.plan.steps)
        record["train/learning_rate"] = rate
        record["train/tokens_per_second"] = (self.tokens - self.clock_tokens) / seconds
        record["train/memory_bytes"] = psutil.Process().memory_info().rss
        if evaluate is not None:
            record |= {f"eval/{name}": value for name, value in self._evaluated(evaluate).items()}
        self.sums, self.summed = {}, 0
        self.history.append(record)
        self.clock, self.clock_tokens = time.monotonic(), self.tokens
        return record

    def _evaluated(self, evaluate: Callable[[M], Mapping[str, float]]) -> Mapping[str, float]:
        self.model.eval()
        with torch.inference_mode(), self.accelerator.autocast():
            metrics = dict(evaluate(self.model))
        if self.plan.keep_best is not None and metrics[self.plan.keep_best] > self.best_score:
            self.best_score = metrics[self.plan.keep_best]
            self.best = {
                name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()
            }
        return metrics

    def text(self) -> str:
        """How the training goes, in a few words."""
        if not self.history:
            return ""
        last = self.history[-1]
        return f"loss {last['train/loss']:.3f}, {last['train/tokens_per_second']:,.0f} tokens/s"

    def resume(self) -> None:
        """Continues from the newest whole checkpoint, if there is one."""
        folder = self.plan.workplace.folder
        checkpoint = checkpoints.newest(folder) if folder else None
        if checkpoint is None:
            return
        self.model.load_state_dict(checkpoint.model)
        for optimizer, state in zip(self.optimizers, checkpoint.optimizers, strict=True):
            optimizer.load_state_dict(state)
        state = checkpoint.state
        self.step, self.tokens, self.sums, self.summed = (
            state[k] for k in ("step", "tokens", "sums", "summed")
        )
        self.history, self.best, self.best_score = state["history"], checkpoint.best, state["best_score"]
        self.clock_tokens = self.tokens

    def save_if_due(self) -> None:
        folder = self.plan.workplace.folder
        if folder is None or time.monotonic() - self.saved_at < self.plan.checkpoint_seconds:
            return
        names = ("step", "tokens", "sums", "summed", "history", "best_score")
        state = {name: getattr(self, name) for name in names}
        states = [optimizer.state_dict() for optimizer in self.optimizers]
        checkpoints.save(folder, checkpoints.Checkpoint(state, self.model.state_dict(), states, self.best))
        self.saved_at = time.monotonic()

    def finish(self) -> None:
        """Leaves the model in evaluation mode, with its best weights where they were kept."""
        if self.best is not None:
            self.model.load_state_dict(self.best)
        self.model.eval()


def accelerator(device: str) -> Accelerator:
    """Where and in which precision to compute: float32 on the CPU, bfloat16 on a GPU that has it.

    Raises:
        DataError: a GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise DataError("device: cuda, but torch sees no GPU here; set device: auto or cpu")
    use_gpu = has_gpu and device != "cpu"
    return Accelerator(
        cpu=not use_gpu, mixed_precision="bf16" if use_gpu and torch.cuda.is_bf16_supported() else "no"
    )


@contextmanager
def _reproducible(plan: Plan, device: torch.device) -> Iterator[None]:
    """Deterministic kernels and the plan's number of threads, for as long as the training lasts."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    settings: Any = torch.utils.deterministic
    fill, settings.fill_uninitialized_memory = settings.fill_uninitialized_memory, False  # it only costs time
    torch.set_num_threads(plan.workplace.threads or threads)
    torch.set_flush_denormal(True)  # decayed moments of rare tokens become denormal, a hundred times slower
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        settings.fill_uninitialized_memory = fill
