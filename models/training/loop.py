"""The one training loop, for pretraining and fine-tuning: exact resume, metrics, evaluation, best weights.

Nothing depends on how often a random generator was asked: `batches_at(step)` must be a pure function of the step,
and torch's own generator (dropout) is seeded anew from (seed, step). So a run that is killed and goes on from its
newest whole checkpoint ends, on the CPU, with the same bits as one that never stopped.

Where several processes learn together (`distributed.py`), each calls `train` with the same arguments and goes the same
steps; only the first one logs and writes checkpoints.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from models.seeds import derive
from models.training import checkpoints, optimizers, row_adamw, sharded_checkpoints, sharding
from models.training.ahead import made_ahead, steps_ahead
from models.training.best import Best
from models.training.compiling import compiled
from models.training.conditions import computing, recomputing
from models.training.curve import Curve
from models.training.distributed import Batch, PartOf, team
from models.training.hardware import hardware
from models.training.parts import TrainingStep, prepared
from models.training.plan import Metrics, Plan
from models.training.record import Record

M = TypeVar("M", bound=nn.Module)


def train(
    model: M,
    batches_at: Callable[[int], Sequence[Batch]],
    loss_of: Callable[[M, Batch], Mapping[str, Tensor]],
    plan: Plan,
    *,
    targets_of: Callable[[Batch], float] = lambda batch: len(batch["input_ids"]),
    part_of: PartOf = lambda batch, rows: {name: tensor[rows] for name, tensor in batch.items()},
    evaluate: Callable[[M], Metrics] | None = None,
    on_log: Callable[[Record], None] = lambda record: None,
    on_progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> list[Record]:
    """Trains `model` in place and gives back its curve.

    Args:
        batches_at: the batches of a step (0-based), on the CPU; a pure function. Their gradients make one step.
        loss_of: scalars by name; `loss` is minimised, the others are only logged, as `train/<name>`.
        targets_of: how many targets the loss of a batch is the mean of; the batches of a step count by it.
        part_of: some rows of a batch; several processes share one that way.
        evaluate: metrics of the model in evaluation mode without gradients, logged as `eval/<name>`.
        on_log: called for every record. After a resume it is called for the checkpoint's records first, so a
            new tracking run gets the whole curve, without a gap and without a double.
        on_progress: steps done, steps in all, and a word on how it goes.

    Raises:
        Diverged: the loss is no longer finite.
        DataError: the model or the machine cannot do what `plan` asks for.
    """
    run = _Run(model, plan)
    device = run.hardware.device
    with (
        computing(run.hardware, plan.workplace.threads, plan.settings.deterministic),
        recomputing(run.model, plan.settings.gradient_checkpointing),
        compiled(run.model, plan.settings.compile, device, plan.steps),
        row_adamw.watching(run.optimizers),
        run.writer or nullcontext(),
    ):
        run.resume()
        for record in run.curve.history if run.team.leads else ():
            on_log(record)

        def made(step: int) -> TrainingStep:
            batches = batches_at(step)
            return prepared(batches, run.team.share(batches, targets_of, part_of), device)

        ahead = steps_ahead(device) if plan.ahead is None else plan.ahead
        with closing(made_ahead(made, range(run.step, plan.steps), ahead, device)) as to_come:
            while not run.is_over and (step := next(to_come, None)) is not None:
                run.advance(step, loss_of)
                if run.is_due(plan.log_every) or run.is_due(plan.evaluate_every):
                    record = run.record(evaluate if run.is_due(plan.evaluate_every) else None)
                    if run.team.leads:
                        on_log(record)
                run.save_if_due()
                if run.team.leads:
                    on_progress(run.step, plan.steps, run.curve.text)
        run.finish()
    return run.curve.history


class _Run(Generic[M]):
    """The state of a training between two steps."""

    def __init__(self, model: M, plan: Plan) -> None:
        self.plan, self.team = plan, team()
        self.hardware = hardware(plan.workplace.device, plan.settings.precision)
        self.layout = sharding.layout(model, self.hardware.device, self.team, plan.sharding)
        self.model = self.layout.model
        self.optimizers = self.layout.optimizers(plan.optimizer, plan.by_row)
        self.step = 0
        self.curve, self.best = Curve(self.team), Best()
        self.saved_at = time.monotonic()
        self.writer = self._writer()

    def _writer(self) -> checkpoints.Writer | sharded_checkpoints.ShardedWriter | None:
        """What checkpoints are written by here: everyone writes what lies apart, else one process for all."""
        folder, elsewhere = self.plan.workplace.folder, self.hardware.device.type != "cpu"
        if folder is not None and self.layout.apart:
            return sharded_checkpoints.ShardedWriter(folder, self.team, snapshot=elsewhere)
        if folder is None or not self.team.leads:
            return None
        return checkpoints.Writer(folder, snapshot=elsewhere)

    def is_due(self, every: int) -> bool:
        return self.step == self.plan.steps or (every > 0 and self.step % every == 0)

    @property
    def is_over(self) -> bool:
        """Whether so many evaluations in a row have found nothing better that training stops early."""
        patience = self.plan.settings.early_stopping
        return patience is not None and self.best.stale >= patience

    def advance(self, step: TrainingStep, loss_of: Callable[[M, Batch], Mapping[str, Tensor]]) -> None:
        """One step: the loss is the mean over the targets of all its batches, as if they were one.

        Nothing is read from the device, which so works on while the CPU prepares what comes next.
        """
        plan, rank = self.plan, self.team.rank
        torch.manual_seed(derive(plan.seed, "step", self.step, *([rank] if rank else [])))
        self.model.train()
        losses = [self._learn(batch, share, loss_of) for batch, share in step.parts]
        self.layout.sum_gradients()
        self.curve.add(step.tokens, losses)
        if plan.optimizer.max_grad_norm:
            optimizers.clip(self.model, plan.optimizer.max_grad_norm)
        optimizers.set_rate(self.optimizers, plan.optimizer.rate(self.step, plan.steps))
        for optimizer in self.optimizers:
            optimizer.step()
        self.model.zero_grad(set_to_none=True)  # also of weights that another process moves
        self.layout.moved()
        self.step += 1

    def _learn(
        self, batch: Batch, share: float, loss_of: Callable[[M, Batch], Mapping[str, Tensor]]
    ) -> dict[str, Tensor]:
        """Adds the gradient of a batch that is `share` of its step, and gives its part of the losses."""
        device, exact = self.hardware.device, self.hardware.sums
        with self.hardware.autocast():
            losses = loss_of(
                self.model, {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
            )
        (losses["loss"] * share).backward()
        # What counts for nothing may be no number.
        return {
            name: value.detach().to(exact) * share if share else torch.zeros_like(value, dtype=exact)
            for name, value in losses.items()
        }

    def record(self, evaluate: Callable[[M], Metrics] | None) -> Record:
        """A point of the curve, evaluated where asked."""
        config, steps = self.plan.optimizer, self.plan.steps
        record = self.curve.closed(self.step, steps, config.learning_rate)
        record["train/learning_rate"] = config.learning_rate * config.rate(self.step - 1, steps)
        if evaluate is not None:
            record |= {f"eval/{name}": value for name, value in self._evaluated(evaluate).items()}
        self.curve.append(record)
        return record

    def _evaluated(self, evaluate: Callable[[M], Metrics]) -> Metrics:
        self.model.eval()
        row_adamw.settle(self.optimizers)
        # Weights that are gathered while it lasts must be of use to gradients later.
        with torch.no_grad() if self.layout.apart else torch.inference_mode(), self.hardware.autocast():
            metrics = self.team.said_by_leader(dict(evaluate(self.model)))
        if self.plan.keep_best is not None:
            in_use = self.writer is not None and self.writer.busy
            self.best.look(self.plan.keep_best(metrics), self.layout.kept(), in_use=in_use)
        return metrics

    def resume(self) -> None:
        """Continues from the newest whole checkpoint, if there is one."""
        folder = self.plan.workplace.folder
        found = checkpoints.newest(folder) if folder and self.team.leads else None
        place = self.team.said_by_leader(found.folder if found else None)
        if place is None:
            return
        saved = sharded_checkpoints.opened(place)
        saved.restore("model", self.layout.weights())
        optimizers.restore(self.model, self.optimizers, saved)
        row_adamw.settle_elsewhere(self.optimizers)
        state, device = saved.state, self.hardware.device
        self.step = state["step"]
        self.curve.resume(state, {name: tensor.to(device) for name, tensor in saved.read("sums").items()})
        there = saved.shapes("best")
        best = {
            name: torch.empty_like(weight, device="cpu")
            for name, weight in self.layout.kept().items()
            if name in there
        }
        saved.restore("best", best)
        self.best.resume(state, best)

    def save_if_due(self) -> None:
        every, writer = self.plan.checkpoint_seconds, self.writer
        if writer is None:
            return
        due = time.monotonic() - self.saved_at >= every and not (every and writer.busy)
        if not (self.team.said_by_leader(due) if self.layout.apart else due):
            return
        tensors = {
            "model": self.layout.weights(),
            "optimizers": optimizers.states(self.model, self.optimizers),
            "sums": self.curve.sums,
        }
        state = {"step": self.step} | self.curve.state | self.best.state
        writer.save(checkpoints.Checkpoint(state, tensors, {"best": self.best.weights}))
        self.saved_at = time.monotonic()

    def finish(self) -> None:
        """Leaves the model in evaluation mode, with its best weights where they were kept."""
        row_adamw.settle(self.optimizers)
        self.best.give(self.layout.kept())
        self.model.eval()
        self.layout.finish()
