"""Modes: the names of the ways of transfer and of the controls, as recipes, tags and reports have them."""

from typing import Literal, get_args

Mode = Literal[
    "finetune",
    "lora",
    "linear_probe",
    "prompt_tuning",
    "zero_shot",
    "one_shot",
    "few_shot",
    "scratch",
    "baseline",
]
MODES: tuple[Mode, ...] = get_args(Mode)
CONTROLS = ("scratch", "baseline")
"""Modes that transfer is measured against; every other mode is a way of transfer."""
REFERENCES = (*CONTROLS, "zero_shot")
"""What a model that has learnt from labels is measured against: the controls, and its untrained self."""
IN_CONTEXT = ("zero_shot", "one_shot", "few_shot")
"""Modes in which no weight is updated."""
TRAINED = frozenset({"finetune", "lora", "linear_probe", "scratch", "baseline"})
"""Modes that mean something for every downstream."""
