"""Quantities that are not known exactly: each with the interval it probably lies in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Basis = Literal["past", "probe", "rule"]
"""What an estimate goes by: earlier runs, a probe on this machine, or a rule of thumb."""


@dataclass(frozen=True)
class Interval:
    """What is most likely, and between what it probably lies."""

    low: float
    about: float
    high: float

    @classmethod
    def around(cls, about: float, less: float, more: float) -> Interval:
        """From `about` divided by `less` to `about` times `more`."""
        return cls(about / less, about, about * more)

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.about + other.about, self.high + other.high)

    def described(self, name: str) -> dict[str, float]:
        """For scripts: `name`, `name_low` and `name_high`."""
        values = {name: self.about, f"{name}_low": self.low, f"{name}_high": self.high}
        return {key: round(value, 3) for key, value in values.items()}


@dataclass(frozen=True)
class Estimate:
    """Of one step; None where nothing is known."""

    seconds: Interval | None = None
    memory: Interval | None = None
    disk: Interval | None = None
    basis: Basis | None = None

    def described(self) -> dict[str, Any]:
        """For scripts, and for the run that is to be compared with it."""
        named = {"seconds": self.seconds, "memory_bytes": self.memory, "disk_bytes": self.disk}
        found: dict[str, Any] = {"basis": self.basis}
        for name, value in named.items():
            unknown = dict.fromkeys((name, f"{name}_low", f"{name}_high"))
            found |= unknown if value is None else value.described(name)
        return found
