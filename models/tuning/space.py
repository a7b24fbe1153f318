"""A search over ranges of hyperparameters: how many trials, drawn how, and from what."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from models.config import Config

Choice = bool | int | float | str


class Range(Config):
    """Any value from `low` to `high`, both included."""

    low: float = Field(description="Lowest value.")
    high: float = Field(description="Highest value.")
    log: bool = Field(
        default=False, description="Whether values are drawn evenly by their order of magnitude."
    )

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.high < self.low:
            raise ValueError(f"'high' is {self.high:g}, below 'low', {self.low:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"'low' is {self.low:g}: with log it has to be more than 0")
        return self


def _form(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Range.model_validate(value)
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return tuple(value)
    if isinstance(value, Range):
        return value
    raise ValueError("give {low: …, high: …}, with log: true for rates, or a list of values to choose from")


Values = Annotated[Range | tuple[Choice, ...], BeforeValidator(_form)]
"""What one hyperparameter may be: anything in a range, or one of a list."""


class SearchConfig(Config):
    """A search by optuna in place of the grid."""

    trials: int = Field(
        default=16, ge=1, description="Settings to try; the first is what the section itself says."
    )
    sampler: Literal["tpe", "random"] = Field(
        default="tpe",
        description="tpe draws where trials so far were good (the tree-structured Parzen estimator), random anywhere.",
    )
    space: Mapping[str, Values] = Field(
        default={},
        description="Hyperparameters of the section to search over, each with {low, high, log} or a list of choices. "
        "learning_rate is between the lowest and the highest of learning_rates where it is not among them.",
    )

    def without(self, names: Sequence[str]) -> "SearchConfig":
        """The same where these are not searched for: for another way of transfer, whose rates are its own, say."""
        left = {name: values for name, values in self.space.items() if name not in names}
        return self.model_copy(update={"space": left})
