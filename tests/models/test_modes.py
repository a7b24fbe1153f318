"""Modes: found in the folder of ways, listed in one order."""

import pytest

from models.modes import learns, modes, ways
from tasks.adapt import AdaptConfig
from tasks.graph.identity import code_of

LISTED = [
    "finetune",
    "hybrid",
    "lora",
    "contrastive",
    "linear_probe",
    "prompt_tuning",
    "zero_shot",
    "one_shot",
    "few_shot",
    "scratch",
    "baseline",
]


def test_ways_that_change_more_of_a_model_are_listed_first_and_controls_last() -> None:
    assert list(modes()) == LISTED
    assert modes()["scratch"] == "finetune" and modes()["baseline"] is None
    assert [mode for mode in LISTED if not learns(mode)] == ["zero_shot", "one_shot", "few_shot"]


@pytest.mark.parametrize("kind", ways())
def test_a_key_takes_in_its_own_way_and_no_other(kind: str) -> None:
    config = ways()[kind].model_validate({})
    taken = {
        name for name in code_of(("tasks.adapt", *config.modules())) if name.startswith("models.transfer.")
    }
    assert taken == {f"models.transfer.{kind}"}


def test_the_key_of_a_baseline_takes_in_no_code_that_trains() -> None:
    config = AdaptConfig.model_validate({"downstream": "classification", "mode": "baseline"})
    taken = code_of(("tasks.adapt", *config.modules()))
    assert not [name for name in taken if name.startswith(("models.tuning", "models.transfer."))]
    assert not {"models.training.loop", "models.training.optimizers", "models.backbone.heads"} & {*taken}
