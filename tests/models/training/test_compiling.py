"""torch.compile: off on a CPU by default, few translations for many lengths, and done without where it is missing."""

import logging

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForMaskedLM

from models.training.compiling import LONG, compiled, repeated
from models.training.loop import train
from models.training.optimizers import OptimizerConfig
from models.training.plan import Plan
from models.training.settings import TrainingSettings
from models.workplace import Workplace

CPU = torch.device("cpu")


def bert(layers: int = 3) -> nn.Module:
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    shape |= {
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }  # compiled, it draws other numbers
    return BertForMaskedLM(BertConfig(vocab_size=50, num_hidden_layers=layers, **shape))


def words_at(step: int) -> list[dict[str, Tensor]]:
    random = torch.Generator().manual_seed(step)
    return [{"input_ids": torch.randint(50, (2 + step % 3, 5 + step), generator=random)}]


def own_words(model: nn.Module, batch) -> dict[str, Tensor]:
    return {"loss": model(**batch, labels=batch["input_ids"]).loss}


def test_it_is_off_on_a_cpu_unless_asked_for_and_counts_as_another_model() -> None:
    model = bert()
    assert repeated(model) == [*model.bert.encoder.layer]
    with compiled(model, "auto", CPU, 10 * LONG):
        assert not any(layer._compiled_call_impl for layer in repeated(model))
    one, other = (TrainingSettings.model_validate({"compile": on}).identity() for on in ("auto", True))
    assert one != other
    assert "deterministic" not in one


@pytest.mark.slow
def test_few_translations_serve_many_lengths_and_learn_the_same() -> None:
    from torch._dynamo.utils import counters

    def trained(on: bool) -> nn.Module:
        model = bert()
        settings = TrainingSettings(compile=on)
        plan = Plan(12, OptimizerConfig(learning_rate=0.01), 1, settings, workplace=Workplace("cpu", 1))
        train(model, words_at, own_words, plan)
        return model

    torch._dynamo.reset()
    counters.clear()
    eager, fast = trained(False), trained(True)
    assert 1 <= counters["stats"]["unique_graphs"] <= 3
    for one, other in zip(eager.parameters(), fast.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-4)
    assert list(fast.state_dict()) == list(eager.state_dict())
    assert not any(layer._compiled_call_impl for layer in repeated(fast))


@pytest.mark.slow
def test_without_a_compiler_it_says_so_and_trains(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setattr(config, "force_disable_caches", True)
    torch._dynamo.reset()
    model = bert()
    with caplog.at_level(logging.WARNING), compiled(model, True, CPU, 10):
        assert own_words(model, words_at(1)[0])["loss"].isfinite()
        assert not any(layer._compiled_call_impl for layer in repeated(model))
    said = [record.getMessage() for record in caplog.records if record.name == "models.training.compiling"]
    assert len(said) == 1 and "goes on without" in said[0] and "C++ compiler" in said[0]
