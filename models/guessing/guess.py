"""A guess at what a table is for, and the best of those that every NLP task makes."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.data.columns import Made
from models.guessing.lengths import Rows, whole
from models.guessing.table import Table
from models.kinds import kinds

_PACKAGE = "models.guessing.downstream"


@dataclass(frozen=True)
class Guess:
    """What a table is for."""

    kind: str
    """The downstream."""
    columns: Mapping[str, Made]
    """What its canonical columns are made of, those aside that are there by their names."""
    certainty: float
    """From 0 to 1; names that say it count for more than values that could be it."""
    reads: tuple[str, ...] = ("text",)
    """The canonical columns that a model reads."""
    target: str | None = None
    """The canonical column of classes or a score, where rows have one."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """More of the downstream's settings."""
    lengths: Callable[[Rows, int], Mapping[str, int]] = whole
    """Settings by which the rows are read, `max_length` and what goes with it, for texts of so many tokens."""
    modes: tuple[str, ...] = ("finetune", "scratch", "baseline")
    """What is worth a try."""
    is_slow: bool = False
    """Whether to look at many validation rows takes long."""
    repeats: bool = True
    """Whether a row whose text stands in another is a copy of it."""
    group: str | None = None
    """The column whose rows belong together."""

    @property
    def gold(self) -> tuple[str, ...]:
        """The canonical column of what is to be told of a row, where it is one that can be counted."""
        return () if self.target is None else (self.target,)

    def made_of(self, name: str) -> Made:
        """What a canonical column is made of."""
        return self.columns.get(name, name)


def best(table: Table) -> Guess | None:
    """The guess that is most certain; None where no NLP task knows the table for its own."""
    modules = [importlib.import_module(f"{_PACKAGE}.{kind}") for kind in kinds(_PACKAGE)]
    guesses: list[Guess] = [found for module in modules if (found := module.guess(table)) is not None]
    return max(guesses, key=lambda guess: guess.certainty, default=None)
