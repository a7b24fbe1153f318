"""A device never waits: nothing is read from it between two records, and batches are made ahead of it."""

import threading
import time
import traceback
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

from models.interfaces.objective import Objective, Vocabulary
from models.training.ahead import made_ahead, steps_ahead
from models.training.loop import train
from models.training.optimizers import OptimizerConfig
from models.training.plan import Plan
from models.upstream.clm import CausalLanguageModelling
from models.upstream.mlm import MaskedLanguageModelling
from models.workplace import Workplace
from tests.support.waiting import until

CPU = torch.device("cpu")
WORDS = Vocabulary(torch.tensor([0, 1]), 1, torch.ones(60, dtype=torch.long))
aten = torch.ops.aten
WAITING = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten._unique2}
"""What gives Python a value, or has a size that values decide: on a GPU all that was asked of it must be done first."""


class Watch(TorchDispatchMode):
    """Counts what would wait for a GPU, in this thread."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        by_mask = func.overloadpacket is aten.index and any(
            each is not None and each.dtype == torch.bool for each in args[1]
        )
        if func.overloadpacket in WAITING or by_mask:
            self.waits.append("".join(traceback.format_stack(limit=6)))
        return func(*args, **(kwargs or {}))


def bert() -> nn.Module:
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return BertForMaskedLM(BertConfig(vocab_size=60, **shape))


def gpt2() -> nn.Module:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=60, n_embd=16, n_layer=1, n_head=2))


def batches(objective: Objective):
    def at(step: int) -> list[dict[str, Tensor]]:
        random = torch.Generator().manual_seed(step)
        shape = (3, 6 + step % 3)
        return [
            objective.batch({"input_ids": torch.randint(2, 60, shape, generator=random)}, WORDS, random)
            for _ in "ab"
        ]

    return at


@pytest.mark.parametrize("kind", ["adamw", "muon"])
@pytest.mark.parametrize(
    ("objective", "model"),
    [
        (MaskedLanguageModelling(), bert),
        (MaskedLanguageModelling(candidates=20, bag_of_words=0.3), bert),
        (CausalLanguageModelling(candidates=20), gpt2),
    ],
)
def test_nothing_is_read_from_the_device_between_two_records(
    objective: Objective, model, kind: str, tmp_path: Path
) -> None:
    seen: dict[int, int] = {}
    plan = Plan(
        steps=8,
        optimizer=OptimizerConfig(kind=kind, learning_rate=0.01),
        seed=1,
        log_every=4,
        workplace=Workplace("cpu", 1, tmp_path),
        checkpoint_seconds=0,
        ahead=2,
    )
    with Watch() as watch:
        train(
            model(),
            batches(objective),
            objective.losses,
            plan,
            targets_of=objective.targets,
            on_progress=lambda done, total, text: seen.update({done: len(watch.waits)}),
        )
    for step, before in ((1, 0), (2, seen[1]), (3, seen[2]), (5, seen[4]), (6, seen[5]), (7, seen[6])):
        assert seen[step] == before, "".join(watch.waits[before : seen[step]])
    assert seen[4] > seen[3] and seen[8] > seen[7], "a record reads the losses"


def test_batches_made_ahead_teach_the_same(tmp_path: Path) -> None:
    objective = MaskedLanguageModelling()
    at, makers = batches(objective), set[str]()

    def made(step: int) -> list[dict[str, Tensor]]:
        makers.add(threading.current_thread().name)
        return at(step)

    def trained(ahead: int) -> tuple[list[Tensor], list[dict[str, float]]]:
        model = bert()
        optimizer = OptimizerConfig(learning_rate=0.01)
        plan = Plan(
            steps=7, optimizer=optimizer, seed=1, log_every=3, workplace=Workplace("cpu"), ahead=ahead
        )
        history = train(model, made, objective.losses, plan, targets_of=objective.targets)
        return [*model.parameters()], [{"loss": point["train/loss"]} for point in history]

    (one, curve), (other, again) = trained(0), trained(3)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True)) and curve == again
    assert threading.current_thread().name in makers and len(makers) == 2
    assert steps_ahead(CPU) == 0 and steps_ahead(torch.device("cuda")) > 0


def test_few_are_made_ahead_and_the_thread_ends() -> None:
    made: list[int] = []

    def make(step: int) -> int:
        made.append(step)
        return step

    before = threading.active_count()
    to_come = made_ahead(make, range(5, 100), 2, CPU)
    assert list(islice(to_come, 3)) == [5, 6, 7]
    until(lambda: len(made) >= 5, 60, "what is made ahead")
    time.sleep(0.05)
    assert made == [5, 6, 7, 8, 9], "two beyond the last that was taken"
    to_come.close()
    assert threading.active_count() == before
    assert list(made_ahead(make, range(3), 8, CPU)) == [0, 1, 2]


def test_an_error_comes_with_its_step_and_its_traceback() -> None:
    def broken_rows(step: int) -> int:
        if step == 3:
            raise ZeroDivisionError(step)
        return step

    to_come = made_ahead(broken_rows, range(10), 2, CPU)
    assert list(islice(to_come, 3)) == [0, 1, 2]
    with pytest.raises(ZeroDivisionError) as error:
        next(to_come)
    assert "broken_rows" in "".join(traceback.format_tb(error.value.__traceback__))
