"""When a new model becomes the champion, and what keeps the last one where it is."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from models.config import Config

When = Literal["not_worse", "better", "better_or_smaller", "manual"]


class Rule(Config):
    """When a new model becomes the champion; a bare word means `{when: …}`.

    Worse and better are what the 95 % paired bootstrap says of the headline metric on the same validation rows.
    """

    bare: ClassVar[str] = "when"

    when: When = Field(
        default="not_worse",
        description="not_worse: the rows cannot tell that it is worse than the last champion. better: they tell that "
        "it is better. better_or_smaller: it is better, or not worse and its weights take less room. manual: never; "
        "models are registered and compared, and `headwater promote` moves the alias.",
    )
    margin: float = Field(
        default=0.05,
        ge=0,
        description="Of the headline metric: a model that is surely worse by more on a slice of the rows (a class, a "
        "third of them by length, a file) leaves the last champion in its place.",
    )
    slice_rows: int = Field(
        default=30, ge=2, description="Slices of fewer validation rows are not looked at."
    )
    leaked: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Largest share of the validation rows, and of the test rows, that may stand in the corpus; above "
        "it no alias moves.",
    )
    quarantined: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="Largest share of the labelled rows that may be in quarantine; above it no alias moves.",
    )


def objection(
    rule: Rule, difference: Mapping[str, Any], slices: Mapping[str, Mapping[str, Any]], smaller: bool
) -> str:
    """Why a model does not take the place of the last champion; empty where it does.

    Args:
        difference: of the two in the headline metric, the new one minus the last, as `bootstrap.difference` has it.
        slices: the same by the name of each slice.
        smaller: whether the new one's weights take less room.
    """
    if difference["worse"]:
        return "it is worse on the same validation rows"
    lost = worse_by(slices, rule.margin)
    if lost:
        told = ", ".join(f"{name} ({slices[name]['value']:+.3f})" for name in lost)
        return f"it is worse by more than {rule.margin:g} where {told}"
    if rule.when == "better" and not difference["better"]:
        return "the rows cannot tell that it is better"
    if rule.when == "better_or_smaller" and not difference["better"] and not smaller:
        return "the rows cannot tell that it is better, and it is not smaller"
    return ""


def worse_by(slices: Mapping[str, Mapping[str, Any]], margin: float) -> Sequence[str]:
    """Names of the slices whose whole interval lies more than `margin` on the bad side of 0."""
    return [
        name
        for name, found in slices.items()
        if found["worse"] and min(abs(found["low"]), abs(found["high"])) > margin
    ]
