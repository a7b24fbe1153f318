"""The training loop and its checkpoints: exact, whole, and clear when something is wrong."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.errors import DataError
from models.training import checkpoints, loop, optimizers
from models.training.checkpoints import Checkpoint
from models.training.loop import Plan, train
from models.training.optimizers import OptimizerConfig
from models.workplace import Workplace

STOPWATCH = {"train/tokens_per_second", "train/memory_bytes"}


class Stop(Exception):
    """Stands for a kill between two steps."""


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.2), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))


def batch_at(step: int) -> dict[str, Tensor]:
    rows = torch.randn(16, 8, generator=torch.Generator().manual_seed(step))
    return {"input_ids": rows, "target": rows.sum(1, keepdim=True)}


def loss_of(model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    error = model(batch["input_ids"]) - batch["target"]
    return {"loss": (error**2).mean(), "size": error.abs().mean()}


def plan(**settings) -> Plan:
    given = {
        "steps": 40,
        "optimizer": OptimizerConfig(learning_rate=0.01),
        "seed": 1,
        "log_every": 7,
        "workplace": Workplace("cpu"),
    }
    return Plan(**(given | settings))


def weights(model: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def timeless(history: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: value for name, value in record.items() if name not in STOPWATCH} for record in history]


def stopping_at(step: int):
    def batch(asked: int) -> dict[str, Tensor]:
        if asked == step:
            raise Stop
        return batch_at(asked)

    return batch


@pytest.mark.parametrize("kind", ["adamw", "muon"])
@pytest.mark.parametrize("stopped", [1, 20, 39])
def test_stopped_and_resumed_it_ends_with_the_same_bits_and_curve(
    kind: str, stopped: int, tmp_path: Path
) -> None:
    settings = {"optimizer": OptimizerConfig(kind=kind, learning_rate=0.01)}
    calm = small()
    history = train(calm, batch_at, loss_of, plan(**settings))
    resumable = plan(**settings, workplace=Workplace("cpu", 1, tmp_path), checkpoint_seconds=0)
    with pytest.raises(Stop):
        train(small(), stopping_at(stopped), loss_of, resumable)
    resumed, shown = small(), []
    assert timeless(train(resumed, batch_at, loss_of, resumable, on_log=shown.append)) == timeless(history)
    assert timeless(shown) == timeless(history)
    assert same(weights(resumed), weights(calm))
    assert history[-1]["train/loss"] < history[0]["train/loss"]
    assert [record["step"] for record in history] == [7, 14, 21, 28, 35, 40]


@pytest.mark.parametrize("damaged", ["model.safetensors", "optimizers.pt", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "end", "digit"])
def test_a_broken_newest_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, damaged: str, damage: str
) -> None:
    calm = small()
    train(calm, batch_at, loss_of, plan())
    resumable = plan(workplace=Workplace("cpu", 1, tmp_path), checkpoint_seconds=0)
    with pytest.raises(Stop):
        train(small(), stopping_at(20), loss_of, resumable)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000019", "step-000000020"]
    file = tmp_path / "step-000000020" / damaged
    content = file.read_bytes()
    at = {"cut": 0, "end": len(content) - 1, "digit": max(map(content.rfind, b"123456789"))}[damage]
    file.write_bytes(
        content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] if at else content[: len(content) // 2]
    )
    found = checkpoints.newest(tmp_path)
    assert found is not None
    assert found.state["step"] == 19
    resumed = small()
    train(resumed, batch_at, loss_of, resumable)
    assert same(weights(resumed), weights(calm))


def test_a_checkpoint_that_was_being_written_is_not_one(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, Checkpoint({"step": 3}, {"w": torch.ones(2)}, []))
    (tmp_path / "step-000000003").rename(tmp_path / "step-000000003.draft")
    assert checkpoints.newest(tmp_path) is None
    assert checkpoints.newest(tmp_path / "nothing") is None


def test_tied_weights_survive_a_checkpoint(tmp_path: Path) -> None:
    weight = torch.randn(3, 2)
    checkpoints.save(
        tmp_path, Checkpoint({"step": 1}, {"in": weight, "out": weight}, [], {"in": weight, "out": weight})
    )
    found = checkpoints.newest(tmp_path)
    assert found is not None
    assert found.best is not None
    assert all(torch.equal(tensor, weight) for tensor in (*found.model.values(), *found.best.values()))


def test_it_ends_with_the_best_weights_even_when_resumed_after_them(tmp_path: Path) -> None:
    seen: list[tuple[float, list[Tensor]]] = []

    def evaluate(model: nn.Module) -> dict[str, float]:
        assert not model.training
        score = -abs(float(model(batch_at(999)["input_ids"]).mean()) - 0.1)
        seen.append((score, weights(model)))
        return {"score": score}

    chosen = plan(
        evaluate_every=5, keep_best="score", workplace=Workplace("cpu", 1, tmp_path), checkpoint_seconds=0
    )
    calm = small()
    history = train(calm, batch_at, loss_of, plan(evaluate_every=5, keep_best="score"), evaluate=evaluate)
    best = max(seen, key=lambda item: item[0])
    assert same(weights(calm), best[1])
    assert [record["step"] for record in history if "eval/score" in record] == list(range(5, 41, 5))
    with pytest.raises(Stop):
        train(small(), stopping_at(38), loss_of, chosen, evaluate=evaluate)
    resumed = small()
    train(resumed, batch_at, loss_of, chosen, evaluate=evaluate)
    assert same(weights(resumed), best[1])


def test_a_loss_that_is_no_number_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"diverged: the loss is (nan|inf).*lower optimizer\.learning_rate"):
        train(small(), batch_at, loss_of, plan(optimizer=OptimizerConfig(learning_rate=1e30, clip=0)))


def test_it_leaves_the_settings_of_torch_as_they_were() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    train(small(), batch_at, loss_of, plan(steps=2, workplace=Workplace("cpu", 2)))
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="torch sees no GPU here; set device"):
        loop.accelerator("cuda")


def test_the_rate_rises_stays_and_falls() -> None:
    config = OptimizerConfig(warmup=0.1, decay=0.5, final=0.1)
    rates = [config.rate(step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:51] == [1.0] * 41
    assert rates[75] == pytest.approx(0.55)
    assert rates[100] == pytest.approx(0.1)
    assert all(later <= earlier for earlier, later in pairwise(rates[10:]))
    assert OptimizerConfig(schedule="constant", warmup=0).rate(99, 100) == 1.0
    assert OptimizerConfig(schedule="cosine", warmup=0).rate(50, 100) == pytest.approx(0.5)


def test_muons_rate_without_muon_is_refused() -> None:
    with pytest.raises(ValueError, match="set kind: muon, or leave it out"):
        OptimizerConfig(matrix_learning_rate=0.1)


def test_muon_moves_matrices_and_adamw_all_the_rest_each_once() -> None:
    from transformers import ModernBertConfig, ModernBertForMaskedLM

    model = ModernBertForMaskedLM(
        ModernBertConfig(
            vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, pad_token_id=0
        )
    )
    muon, adamw = optimizers.build(model, OptimizerConfig(kind="muon"))
    inner = [parameter for group in muon.param_groups for parameter in group["params"]]
    outer = [parameter for group in adamw.param_groups for parameter in group["params"]]
    assert {id(p) for p in inner} | {id(p) for p in outer} == {id(p) for p in model.parameters()}
    assert len(inner) + len(outer) == len(list(model.parameters()))
    assert all(parameter.ndim == 2 for parameter in inner)
    assert any(parameter is model.get_input_embeddings().weight for parameter in outer)
