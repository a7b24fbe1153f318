"""The part of a recipe that asks what the transfer bought."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from models.config import Config
from models.modes import Mode, is_brought, learns, modes
from models.seeds import Seed

LEAST_LABELS = 8
"""As many validation rows at most are chosen by; with fewer a choice is a coin thrown."""


class GainPart(Config):
    """The grid that shows what the transfer bought: modes by numbers of labels by seeds."""

    entries: tuple[str, ...] = Field(default=(), description="Downstreams to run it for; all by default.")
    sizes: tuple[Annotated[int, Field(ge=0)] | Literal["all"], ...] = Field(
        default=(8, 32, 128, 1000),
        min_length=1,
        description="Numbers of labels for what learns, each draw part of the next. Modes that only ask the model have "
        "their own: none, one, and in_context.shots.",
    )
    seeds: tuple[Seed, ...] = Field(
        default=(1, 2, 3), min_length=1, description="Each draws the labels, and starts the head, anew."
    )
    modes: tuple[Mode, ...] = Field(
        default_factory=lambda: tuple(mode for mode in modes() if not is_brought(mode)),
        min_length=1,
        description="Ways of transfer and controls; all by default.",
    )
    search: bool = Field(
        default=True,
        description="Whether settings are searched for in each cell, or the first of each entry's lists is taken.",
    )

    @field_validator("sizes")
    @classmethod
    def _enough_to_learn_from(cls, sizes: tuple[int | str, ...]) -> tuple[int | str, ...]:
        """0 and 1 stand in many grids, and are what zero_shot and one_shot are run with anyway."""
        for size in sizes:
            if isinstance(size, int) and 1 < size < LEAST_LABELS:
                raise ValueError(
                    f"{size} labels are too few to learn from and to choose by: give at least {LEAST_LABELS}"
                )
        return sizes

    @model_validator(mode="after")
    def _something_to_learn_from(self) -> Self:
        learning = [mode for mode in self.modes if learns(mode)]
        if learning and not self.labels():
            raise ValueError(
                f"'sizes' has none that {learning[0]} can learn from: give {LEAST_LABELS} or more"
            )
        return self

    def covers(self, entry: str) -> bool:
        """Whether an entry, by its name, is in the grid."""
        return not self.entries or entry in self.entries

    def labels(self) -> tuple[int | Literal["all"], ...]:
        """The sizes that are enough to learn from."""
        return tuple(size for size in self.sizes if size == "all" or size >= LEAST_LABELS)
