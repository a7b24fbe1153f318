"""What the typed values of a report are made of."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Verdict = Literal["better", "worse", "unclear"]


class Part(BaseModel):
    """Frozen piece of a report; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(Part):
    """A number with its 95 % interval, in the metric's own unit."""

    value: float
    low: float
    high: float
