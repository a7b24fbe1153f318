"""`headwater plan`: what a run would find, what it would make, and what that takes."""

import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.table import Table

from flows import terminal
from flows.commands.together import together
from flows.recipe.recipe import Recipe
from models.data.counts import so_many

if TYPE_CHECKING:  # these import the steps, and with them MLflow
    from flows.estimates.quantities import Basis, Estimate
    from tasks.graph.refs import Ref
    from tasks.storage.artifacts import Made


def plan(
    path: Path, overrides: dict[str, Any], only: Sequence[str], *, probe: bool = True, as_json: bool = False
) -> int:
    """Show each step, hit or to run, with an estimate; gives the exit code.

    Raises:
        RecipeError: for what a run would find before its first step.
        StoreError: MLflow does not answer.
    """
    recipe = Recipe.load(path, overrides)
    for line in recipe.found:
        print(f"{recipe.name}: {line}", file=sys.stderr)
    recipe.check(only)
    for pin in recipe.pins():
        print(f"{recipe.name}: {pin}", file=sys.stderr)
    from flows.estimates.estimating import estimated
    from flows.estimates.seats import total
    from flows.graph.chain import chain, report_refs
    from flows.graph.registered import check_registered
    from tasks.graph.refs import ordered
    from tasks.storage import artifacts, runs

    def say(text: str) -> None:
        print(f"{recipe.name}: {text}", file=sys.stderr)

    targets = chain(recipe, only)
    check_registered(targets)
    runs.end_killed()
    steps = ordered([*targets, *report_refs(recipe, only, targets)])
    there = artifacts.look_up_all(steps)
    estimates = estimated(recipe.name, recipe.machine, steps, there, probe=say if probe else None)
    whole = total(estimates, recipe.machine)
    rows = [_described(ref, there.get(ref), estimates.get(ref)) for ref in steps]
    unknown = sum(item.seconds is None for item in estimates.values())
    if as_json:
        sums = {**whole.described(), "unknown": unknown}
        print(json.dumps({"recipe": recipe.name, "steps": rows, "total": sums}, ensure_ascii=False, indent=2))
    else:
        _show(rows, whole.described(), unknown)
    return 0


def _described(ref: "Ref", made: "Made | None", about: "Estimate | None") -> dict[str, Any]:
    """A step, for scripts."""
    from flows.estimates.quantities import Estimate

    return {
        "name": ref.title,
        "step": ref.step,
        "shard": ref.about.shard or None,
        "of_shards": ref.title_of_shards,
        "status": "run" if made is None else "hit",
        "kept": (made and made.kept) or None,
        **(about or Estimate()).described(),
        "run_id": made.run_id if made else None,
        "key": ref.key,
    }


def _show(rows: Sequence[dict[str, Any]], whole: dict[str, Any], unknown: int) -> None:
    console = terminal.console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step", overflow="fold")
    table.add_column("", no_wrap=True)
    for name in ("time", "memory", "disk"):
        table.add_column(name, justify="right", no_wrap=True)
    sums = [f"{name}{bound}" for name in ("seconds", "disk_bytes") for bound in ("", "_low", "_high")]
    for row in together(rows, sums):
        if row["status"] == "hit":
            table.add_row(row["name"], f"[green]{'kept' if row['kept'] else row['told']}[/]")
            continue
        numbers = _time(row) or "?", _bytes(row, "memory_bytes"), _bytes(row, "disk_bytes")
        table.add_row(row["name"], f"[cyan]{row['told']}[/]", *numbers)
    console.print(table)
    console.print()
    for line in _summed_up(rows, whole, unknown):
        console.print(line)


def _summed_up(rows: Sequence[dict[str, Any]], whole: dict[str, Any], unknown: int) -> Iterator[str]:
    """What the table comes to, in sentences."""
    found = Counter(row["status"] for row in rows)
    running = found["run"]
    if not running:
        yield "All steps are there already (hit): a run makes nothing anew."
        return
    rest = "; the others are there already (hit) and used as they are" if found["hit"] else ""
    yield f"{running:,} of {len(rows):,} steps to run{rest}."
    memory, disk = _bytes(whole, "memory_bytes"), _bytes(whole, "disk_bytes")
    yield f"Total, with start-up: {_time(whole)}, {memory} of memory, {disk} of disk."
    if unknown:
        yield f"Not in it: {so_many(unknown, 'step')} marked ?, of which nothing is known until it has run here."
    told = Counter(row["basis"] for row in rows if row["status"] == "run")
    if by := [f"{words} ({told[basis]:,})" for basis, words in _BASES.items() if told[basis]]:
        yield f"Times come from {', '.join(by)}."


_BASES: Mapping["Basis", str] = {
    "past": "earlier runs",
    "probe": "short timings here",
    "rule": "rough rules",
}
"""What steps are estimated by, the surest first."""


class _Unit(NamedTuple):
    size: float
    name: str
    below: float
    """The number from which on the next one is used."""
    decimals: int

    def rounded(self, value: float) -> float:
        return round(value / self.size, self.decimals)

    def number(self, value: float) -> str:
        return f"{self.rounded(value):,.{self.decimals}f}"


_TIME = _Unit(1, "s", 100, 0), _Unit(60, "min", 100, 0), _Unit(3600, "h", math.inf, 1)
_SIZE = _Unit(1e6, "MB", 1000, 0), _Unit(1e9, "GB", math.inf, 1)


def _time(row: dict[str, Any]) -> str:
    """`40–70 s`, `20 s–3 min`, `2.5–4.0 h`."""
    return _between(row, "seconds", _TIME)


def _bytes(row: dict[str, Any], name: str) -> str:
    """`3–5 MB`, `0.8–1.2 GB`, `≤ 2 MB`."""
    return _between(row, name, _SIZE)


def _between(row: dict[str, Any], name: str, units: Sequence[_Unit]) -> str:
    """From low to high, in the unit that fits high; low in its own where it would be nothing in that one.

    Empty where nothing is known.
    """
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if high is None:
        return ""
    unit = _fitting(high, units)
    own = unit if unit.rounded(low) else _fitting(low, units)
    if own != unit:
        return f"{own.number(low)} {own.name}–{unit.number(high)} {unit.name}"
    if not unit.rounded(low):
        return f"≤ {unit.number(high)} {unit.name}" if unit.rounded(high) else f"< 1 {unit.name}"
    numbers = dict.fromkeys((unit.number(low), unit.number(high)))
    return f"{'–'.join(numbers)} {unit.name}"


def _fitting(value: float, units: Sequence[_Unit]) -> _Unit:
    return next(unit for unit in units if value / unit.size < unit.below)
