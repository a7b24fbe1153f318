"""The training loop and its checkpoints: exact, whole, and clear when something is wrong."""

from collections.abc import Mapping
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.errors import DataError
from models.training import checkpoints, optimizers
from models.training.conditions import computing
from models.training.hardware import Hardware, hardware
from models.training.loop import train
from models.training.optimizers import OptimizerConfig
from models.training.plan import Plan
from models.training.settings import TrainingSettings
from models.workplace import Workplace

SCORE = itemgetter("score")
STOPWATCH = {"train/tokens_per_second", "train/memory_bytes"}


class Stop(Exception):
    """Stands for a kill between two steps."""


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.2), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))


def batches_at(step: int) -> list[dict[str, Tensor]]:
    rows = torch.randn(16, 8, generator=torch.Generator().manual_seed(step))
    return [{"input_ids": rows, "target": rows.sum(1, keepdim=True)}]


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
    def batches(asked: int) -> list[dict[str, Tensor]]:
        if asked == step:
            raise Stop
        return batches_at(asked)

    return batches


def in_pieces(step: int) -> list[dict[str, Tensor]]:
    """The same rows as in one batch, 10, 5 and 1 of them."""
    (batch,) = batches_at(step)
    return [
        {name: tensor[start:end] for name, tensor in batch.items()}
        for start, end in ((0, 10), (10, 15), (15, 16))
    ]


def test_batches_of_unequal_size_make_the_step_of_one_that_holds_them_all() -> None:
    whole, apart = (
        nn.Sequential(*(part for part in small() if not isinstance(part, nn.Dropout))) for _ in "ab"
    )
    # A tight norm shows that it is the whole gradient that is clipped.
    tight = plan(optimizer=OptimizerConfig(learning_rate=0.01, max_grad_norm=0.5))
    expected, history = (
        train(model, batches, loss_of, tight) for model, batches in ((whole, batches_at), (apart, in_pieces))
    )
    for one, other in zip(weights(whole), weights(apart), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert [point["train/loss"] for point in history] == pytest.approx(
        [point["train/loss"] for point in expected], rel=1e-4
    )
    assert [point["tokens"] for point in history] == [point["tokens"] for point in expected]
    unweighed = small()
    train(unweighed, in_pieces, loss_of, tight, targets_of=lambda batch: 1)
    assert not torch.allclose(weights(unweighed)[0], weights(whole)[0], rtol=1e-2)


def test_a_batch_without_targets_counts_for_nothing() -> None:
    def with_empty(step: int) -> list[dict[str, Tensor]]:
        (batch,) = batches_at(step)
        return [{name: tensor[:0] for name, tensor in batch.items()}, batch]

    one, other = small(), small()
    train(one, batches_at, loss_of, plan())
    train(other, with_empty, loss_of, plan())
    assert same(weights(one), weights(other))


def falling_short(model: nn.Module) -> dict[str, float]:
    """Best at some point on the way, and less so from then on."""
    with torch.no_grad():
        return {"score": -abs(float(model(batches_at(999)[0]["input_ids"]).mean()) - 0.1)}


@pytest.mark.parametrize("stopped", [3, 12, 17])
def test_it_stops_early_and_ends_with_the_best_weights_also_when_resumed(
    stopped: int, tmp_path: Path
) -> None:
    patient = {"evaluate_every": 2, "keep_best": SCORE, "steps": 200}
    until_the_end, seen = small(), []
    whole = train(until_the_end, batches_at, loss_of, plan(**patient), evaluate=falling_short)
    scores = [point["eval/score"] for point in whole if "eval/score" in point]
    patience = 3
    best, since = 0, 0
    for at, score in enumerate(scores):
        best, since = (at, 0) if at == 0 or score > scores[best] else (best, since + 1)
        if since == patience:
            break
    early = patient | {"settings": TrainingSettings(early_stopping=patience)}
    calm = small()
    history = train(calm, batches_at, loss_of, plan(**early), evaluate=falling_short)
    assert history[-1]["step"] == 2 * (best + 1 + patience) < 200
    assert falling_short(calm)["score"] == scores[best]
    resumable = plan(**early, workplace=Workplace("cpu", 1, tmp_path), checkpoint_seconds=0)
    with pytest.raises(Stop):
        train(small(), stopping_at(stopped), loss_of, resumable, evaluate=falling_short)
    for _ in range(2):  # the second finds that it has stopped already
        resumed = small()
        again = train(
            resumed,
            batches_at,
            loss_of,
            resumable,
            evaluate=falling_short,
            on_progress=lambda *at: seen.append(at),
        )
        assert timeless(again) == timeless(history)
        assert same(weights(resumed), weights(calm))
    assert [done for done, _, _ in seen] == list(range(stopped + 1, int(history[-1]["step"]) + 1))


def bert_of(dropout: float) -> nn.Module:
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return BertForMaskedLM(BertConfig(vocab_size=50, hidden_dropout_prob=dropout, **shape))


def words_at(step: int) -> list[dict[str, Tensor]]:
    return [{"input_ids": torch.randint(50, (4, 9), generator=torch.Generator().manual_seed(step))}]


def own_words(model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {"loss": model(**batch, labels=batch["input_ids"]).loss}


def test_states_computed_again_give_the_same_bits() -> None:
    calls: list[str] = []

    def trained(settings: TrainingSettings) -> tuple[list[Tensor], int]:
        model = bert_of(0.3)
        first: nn.Module = model.bert.encoder.layer[0].attention
        calls.clear()
        hook = first.register_forward_hook(lambda *_: calls.append("read"))
        train(model, words_at, own_words, plan(steps=5, settings=settings))
        hook.remove()
        assert not model.is_activation_checkpointing
        return weights(model), len(calls)

    kept, again = (trained(TrainingSettings(gradient_checkpointing=on)) for on in (False, True))
    assert same(kept[0], again[0])
    assert (kept[1], again[1]) == (5, 10)
    assert "gradient_checkpointing" not in TrainingSettings().identity()


def test_a_model_that_cannot_compute_its_states_again_is_named() -> None:
    with pytest.raises(DataError, match="cannot do it for Sequential; set it to false"):
        train(small(), batches_at, loss_of, plan(settings=TrainingSettings(gradient_checkpointing=True)))


def test_in_bf16_products_are_rounded_weights_are_not_and_a_resume_is_exact(tmp_path: Path) -> None:
    rounded = {"steps": 6, "settings": TrainingSettings(precision="bf16")}
    exact, calm, resumed = bert_of(0.0), bert_of(0.0), bert_of(0.0)
    train(exact, words_at, own_words, plan(steps=6, settings=TrainingSettings(precision="fp32")))
    train(calm, words_at, own_words, plan(**rounded))
    assert {tensor.dtype for tensor in weights(calm)} == {torch.float32}
    assert not same(weights(exact), weights(calm))
    for one, other in zip(weights(exact), weights(calm), strict=True):
        torch.testing.assert_close(one, other, rtol=0.1, atol=0.05)

    def killed(step: int) -> list[dict[str, Tensor]]:
        if step == 4:
            raise Stop
        return words_at(step)

    resumable = plan(**rounded, workplace=Workplace("cpu", 1, tmp_path), checkpoint_seconds=0)
    with pytest.raises(Stop):
        train(bert_of(0.0), killed, own_words, resumable)
    train(resumed, words_at, own_words, resumable)
    assert same(weights(resumed), weights(calm))


def test_half_precision_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match=r"fp16 loses small gradients.*use bf16"):
        TrainingSettings.model_validate({"precision": "fp16"})


@pytest.mark.parametrize("kind", ["adamw", "muon"])
@pytest.mark.parametrize("stopped", [1, 20, 39])
def test_stopped_and_resumed_it_ends_with_the_same_bits_and_curve(
    kind: str, stopped: int, tmp_path: Path
) -> None:
    settings = {"optimizer": OptimizerConfig(kind=kind, learning_rate=0.01)}
    calm = small()
    history = train(calm, batches_at, loss_of, plan(**settings))
    resumable = plan(**settings, workplace=Workplace("cpu", 1, tmp_path), checkpoint_seconds=0)
    with pytest.raises(Stop):
        train(small(), stopping_at(stopped), loss_of, resumable)
    resumed, shown = small(), []
    assert timeless(train(resumed, batches_at, loss_of, resumable, on_log=shown.append)) == timeless(history)
    assert timeless(shown) == timeless(history)
    assert same(weights(resumed), weights(calm))
    assert history[-1]["train/loss"] < history[0]["train/loss"]
    assert [record["step"] for record in history] == [7, 14, 21, 28, 35, 40]


@pytest.mark.parametrize("damaged", ["model.safetensors", "optimizers.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "end", "digit"])
def test_a_broken_newest_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, damaged: str, damage: str
) -> None:
    calm = small()
    train(calm, batches_at, loss_of, plan())
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
    train(resumed, batches_at, loss_of, resumable)
    assert same(weights(resumed), weights(calm))


def test_it_ends_with_the_best_weights_even_when_resumed_after_them(tmp_path: Path) -> None:
    seen: list[tuple[float, list[Tensor]]] = []

    def evaluate(model: nn.Module) -> dict[str, float]:
        assert not model.training
        score = -abs(float(model(batches_at(999)[0]["input_ids"]).mean()) - 0.1)
        seen.append((score, weights(model)))
        return {"score": score}

    chosen = plan(
        evaluate_every=5, keep_best=SCORE, workplace=Workplace("cpu", 1, tmp_path), checkpoint_seconds=0
    )
    calm = small()
    history = train(calm, batches_at, loss_of, plan(evaluate_every=5, keep_best=SCORE), evaluate=evaluate)
    best = max(seen, key=lambda item: item[0])
    assert same(weights(calm), best[1])
    assert [record["step"] for record in history if "eval/score" in record] == list(range(5, 41, 5))
    with pytest.raises(Stop):
        train(small(), stopping_at(38), loss_of, chosen, evaluate=evaluate)
    resumed = small()
    train(resumed, batches_at, loss_of, chosen, evaluate=evaluate)
    assert same(weights(resumed), best[1])


def test_a_loss_that_is_no_number_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"diverged: the loss is (nan|inf).*lower optimizer\.learning_rate"):
        train(
            small(), batches_at, loss_of, plan(optimizer=OptimizerConfig(learning_rate=1e30, max_grad_norm=0))
        )


def test_it_leaves_the_settings_of_torch_as_they_were() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    train(small(), batches_at, loss_of, plan(steps=2, workplace=Workplace("cpu", 2)))
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_kernels_are_deterministic_on_the_cpu_and_elsewhere_where_asked_for() -> None:
    def deterministic(device: str, asked: bool) -> bool:
        with computing(Hardware(torch.device(device), bf16=False), None, asked):
            return torch.are_deterministic_algorithms_enabled()

    kinds = [(device, asked) for device in ("cpu", "meta") for asked in (False, True)]
    assert [deterministic(*kind) for kind in kinds] == [True, True, False, True]
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_a_gpu_that_is_not_there_is_named(device: str) -> None:
    with pytest.raises(DataError, match=f"device: {device}, but torch sees no .*GPU here; set device"):
        hardware(device)


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
