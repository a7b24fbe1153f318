"""Which weights each optimiser moves, and which decay, in every preset and in models that are brought along."""

import pytest
import torch

from models.training import optimizers
from models.training.optimizers import OptimizerConfig
from tests.support.architectures import DECODERS, INSIDE, model_of


@pytest.mark.parametrize("architecture", INSIDE)
@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_matrices_decay_and_all_the_rest_does_not(architecture: str, kind: str) -> None:
    head = "AutoModelForCausalLM" if architecture in DECODERS else "AutoModelForMaskedLM"
    model = model_of(architecture, head)
    made = optimizers.build(model, OptimizerConfig.model_validate({"kind": kind, "weight_decay": 0.1}))
    groups = [group for optimizer in made for group in optimizer.param_groups]
    moved = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(moved) == sorted(id(parameter) for parameter in model.parameters())
    decaying = {
        id(parameter) for group in groups if group["weight_decay"] == 0.1 for parameter in group["params"]
    }
    names = [name.split(".")[-2] for name, parameter in model.named_parameters() if id(parameter) in decaying]
    assert sorted(names[: len(INSIDE[architecture])]) == sorted(INSIDE[architecture])
    assert len(made) == (2 if kind == "muon" else 1)


def test_what_does_not_learn_is_moved_by_none() -> None:
    model = model_of("gpt2", "AutoModelForSequenceClassification").requires_grad_(False)
    model.get_submodule("score").requires_grad_(True)
    (adamw,) = optimizers.build(model, OptimizerConfig(kind="muon"))
    (group,) = adamw.param_groups
    assert [id(item) for item in group["params"]] == [id(model.get_submodule("score").weight)]


def test_an_architecture_without_matrices_is_left_to_adamw() -> None:
    made = optimizers.build(torch.nn.Embedding(5, 3), OptimizerConfig(kind="muon"))
    assert [type(item) for item in made] == [torch.optim.AdamW]
