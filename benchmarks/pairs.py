"""Ways to do the same work, in turns, so that a busy machine slows all alike: seconds and user-CPU seconds of each, and
the one ratio of their medians.

    options = pairs.options(pairs.parser(__doc__))
    pairs.pairs(ours, theirs, options.pairs)

A way is a function without arguments, or a command with its arguments. A function may give how much it has done, such
as tokens or rows: then it is compared what one of them takes. Or it gives what was `Taken`, if it has measured that.
"""

import argparse
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["wall", "user"]
"""What is compared: seconds that pass, or seconds of processors in the work's own code, which others disturb less."""
PAIRS, FEW = 5, 1


@dataclass(frozen=True)
class Taken:
    """What doing it once took, in seconds, children that have ended included."""

    wall: float
    user: float
    done: float = 1.0
    """How much was done."""


Way = Callable[[], "float | Taken | None"] | Sequence[str]


@dataclass(frozen=True)
class Ratio:
    """How many times as long the other takes."""

    ours: str
    theirs: str
    value: float
    unit: Unit
    count: int

    def __str__(self) -> str:
        what = "seconds" if self.unit == "wall" else "user-CPU seconds"
        return f"{self.theirs} / {self.ours}: {self.value:.2f} x the {what} (medians of {self.count})"


def parser(about: str | None) -> argparse.ArgumentParser:
    """Arguments of a benchmark: `--pairs N`, and `--quick` for the short form that `make bench` runs."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="a short form, to see that it works")
    made.add_argument("--pairs", type=int, default=PAIRS, metavar="N", help="how often each way is taken")
    return made


def options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What was given; in the short form each way is taken once."""
    found = parser.parse_args()
    if found.quick:
        found.pairs = FEW
    return found


def pairs(ours: Way, theirs: Way, count: int = PAIRS, *, unit: Unit = "wall", warm_up: bool = True) -> Ratio:
    """Take two ways in turns, print what they took, and last the ratio."""
    found = Turns({"ours": ours, "theirs": theirs}, count, warm_up=warm_up)
    found.show()
    return found.ratio("ours", "theirs", unit)


class Turns:
    """Several ways, taken one after the other, `count` times; what each took, by its name."""

    def __init__(self, ways: Mapping[str, Way], count: int = PAIRS, *, warm_up: bool = True) -> None:
        self.taken: dict[str, list[Taken]] = {name: [] for name in ways}
        for number in range(count + warm_up):
            for name, way in ways.items():
                taken = once(way)
                if number >= warm_up:
                    self.taken[name].append(taken)

    def median(self, name: str, unit: Unit = "wall") -> float:
        """The median of what a way took."""
        return statistics.median(getattr(item, unit) for item in self.taken[name])

    def for_one(self, name: str, unit: Unit = "wall") -> float:
        """The median of what it took for one of what it has done."""
        return statistics.median(getattr(item, unit) / item.done for item in self.taken[name])

    def show(self) -> None:
        """Print a line for each way: medians, from least to most, and how much it did in a second, where it says so."""
        width = max(map(len, self.taken))
        counted = any(item.done != 1 for taken in self.taken.values() for item in taken)
        head = f"{'':{width}}  {'seconds':>9} {'(least to most)':>19}  {'user-CPU s':>10}"
        print(f"{head}  {'a second':>12}" if counted else head)
        for name, taken in self.taken.items():
            walls = [item.wall for item in taken]
            spread = f"({min(walls):.3f} to {max(walls):.3f})"
            line = f"{name:{width}}  {self.median(name):9.3f} {spread:>19}  {self.median(name, 'user'):10.3f}"
            print(f"{line}  {1 / self.for_one(name):12,.1f}" if counted else line)

    def ratio(self, ours: str, theirs: str, unit: Unit = "wall") -> Ratio:
        """Print how many times as long `theirs` takes, as the last line, and give it."""
        value = self.for_one(theirs, unit) / self.for_one(ours, unit)
        found = Ratio(ours, theirs, value, unit, len(self.taken[ours]))
        print(found, flush=True)
        return found


def once(way: Way) -> Taken:
    """Do it once.

    Raises:
        SystemExit: a command has failed; its last words.
    """
    user, started, done = _user(), time.perf_counter(), None
    if callable(way):
        done = way()
    else:
        ended = subprocess.run(list(way), capture_output=True, text=True, errors="replace")
        if ended.returncode:
            raise SystemExit(f"{' '.join(way)} failed ({ended.returncode}): {ended.stderr[-2000:]}")
    if isinstance(done, Taken):
        return done
    return Taken(time.perf_counter() - started, _user() - user, 1.0 if done is None else float(done))


def _user() -> float:
    spent = os.times()
    return spent.user + spent.children_user
