"""Token embeddings that are moved by the rows that are read: the numbers of AdamW, the bits of one training."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.training.loop import train
from models.training.optimizers import OptimizerConfig
from models.training.plan import Plan
from models.training.row_adamw import RowAdamW
from models.workplace import Workplace

ROWS = 60


class Bag(nn.Module):
    """Tells a text by the mean of its tokens."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table, self.head = nn.Embedding(ROWS, 6), nn.Linear(6, 1)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.table

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.table(ids).mean(dim=1))


class Stop(Exception):
    """Stands for a kill between two steps."""


def batches_at(step: int) -> list[dict[str, Tensor]]:
    """Low tokens are common, high ones rare, and the last ten never come."""
    generator = torch.Generator().manual_seed(step)
    ids = (torch.rand(4, 3, generator=generator) ** 3 * (ROWS - 10)).long()
    return [{"input_ids": ids, "target": (ids % 2).float().mean(dim=1, keepdim=True)}]


def loss_of(model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {"loss": (model(batch["input_ids"]) - batch["target"]).square().mean()}


def plan(**settings) -> Plan:
    given = {"steps": 120, "optimizer": OptimizerConfig(learning_rate=0.02), "seed": 1}
    return Plan(**(given | {"workplace": Workplace("cpu", 1), "by_row": True} | settings))


def score(model: nn.Module) -> dict[str, float]:
    with torch.no_grad():
        return {"score": -float(loss_of(model, batches_at(999)[0])["loss"])}


@pytest.mark.parametrize("clipped", [0.0, 0.1])
def test_rows_move_as_adamw_moves_them_also_while_they_are_not_read(clipped: float) -> None:
    optimizer = OptimizerConfig(learning_rate=0.02, max_grad_norm=clipped)
    whole, apart = Bag(), Bag()
    start = apart.table.weight.detach().clone()
    expected, found = (
        train(model, batches_at, loss_of, plan(optimizer=optimizer, by_row=by_row))
        for model, by_row in ((whole, False), (apart, True))
    )
    torch.testing.assert_close(apart.table.weight, whole.table.weight, rtol=1e-3, atol=2e-4)
    torch.testing.assert_close(apart.head.weight, whole.head.weight, rtol=1e-3, atol=2e-4)
    assert [point["train/loss"] for point in found] == pytest.approx(
        [point["train/loss"] for point in expected], rel=1e-4
    )
    assert (apart.table.weight - start).abs().max() > 0.1
    assert torch.equal(apart.table.weight[-10:], start[-10:])
    assert not apart.table.sparse


def test_stopped_and_resumed_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    looked = {"evaluate_every": 20, "keep_best": lambda found: found["score"]}
    calm = Bag()
    train(calm, batches_at, loss_of, plan(**looked), evaluate=score)

    def killed(step: int) -> list[dict[str, Tensor]]:
        if step == 71:
            raise Stop
        return batches_at(step)

    resumable = plan(**looked, workplace=Workplace("cpu", 1, tmp_path), checkpoint_seconds=0)
    with pytest.raises(Stop):
        train(Bag(), killed, loss_of, resumable, evaluate=score)
    resumed = Bag()
    train(resumed, batches_at, loss_of, resumable, evaluate=score)
    assert torch.equal(resumed.table.weight, calm.table.weight)


@pytest.mark.parametrize("begun_by_row", [False, True])
def test_what_one_device_has_begun_another_goes_on_with(begun_by_row: bool, tmp_path: Path) -> None:
    calm, resumed = Bag(), Bag()
    train(calm, batches_at, loss_of, plan(by_row=False))

    def killed(step: int) -> list[dict[str, Tensor]]:
        if step == 71:
            raise Stop
        return batches_at(step)

    resumable = {"workplace": Workplace("cpu", 1, tmp_path), "checkpoint_seconds": 0}
    with pytest.raises(Stop):  # on a GPU, say, whose tables are moved whole
        train(Bag(), killed, loss_of, plan(**resumable, by_row=begun_by_row))
    train(resumed, batches_at, loss_of, plan(**resumable, by_row=not begun_by_row))
    torch.testing.assert_close(resumed.table.weight, calm.table.weight, rtol=1e-3, atol=2e-4)


def test_embeddings_that_are_the_output_layer_too_are_moved_whole() -> None:
    model = Bag()
    model.output = nn.Linear(6, ROWS, bias=False)
    model.output.weight = model.table.weight
    from models.training import optimizers
    from models.training.row_adamw import table_of

    assert table_of(model) is None
    assert table_of(Bag()) is not None
    made = optimizers.build(Bag(), OptimizerConfig(), table=table_of(Bag()))
    assert [type(item) for item in made] == [torch.optim.AdamW, RowAdamW]
