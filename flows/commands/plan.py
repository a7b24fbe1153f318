"""`headwater plan`: what a run would find, what it would make, and what that takes."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from flows import terminal
from flows.recipe.recipe import Recipe

if TYPE_CHECKING:  # these import the steps, and with them Prefect
    from flows.estimates.quantities import Estimate, Interval
    from tasks.graph.refs import Ref
    from tasks.storage.artifacts import Made

NUMBERS = ("time", "memory", "disk")


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
    from flows.downstream import check_registered
    from flows.estimates.estimating import estimated
    from flows.estimates.seats import total
    from flows.transfer import chain, report_refs
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
    if as_json:
        unknown = sum(item.seconds is None for item in estimates.values())
        rows = [_described(ref, there.get(ref), estimates.get(ref)) for ref in steps]
        sums = {**whole.described(), "unknown": unknown}
        print(json.dumps({"recipe": recipe.name, "steps": rows, "total": sums}, ensure_ascii=False, indent=2))
    else:
        _show(steps, there, estimates, whole)
    return 0


def _described(ref: "Ref", made: "Made | None", about: "Estimate | None") -> dict[str, Any]:
    """A step, for scripts."""
    from flows.estimates.quantities import Estimate

    return {
        "name": ref.title,
        "step": ref.step,
        "status": "run" if made is None else "hit",
        "kept": (made and made.kept) or None,
        **(about or Estimate()).described(),
        "run_id": made.run_id if made else None,
        "key": ref.key,
    }


def _show(
    steps: Sequence["Ref"],
    there: Mapping["Ref", "Made"],
    estimates: Mapping["Ref", "Estimate"],
    whole: "Estimate",
) -> None:
    console = terminal.console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step", overflow="fold")
    table.add_column("", no_wrap=True)
    for name in NUMBERS:
        table.add_column(name, justify="right", no_wrap=True)
    for ref in steps:
        if (made := there.get(ref)) is not None:
            table.add_row(ref.title, f"[green]{'kept' if made.kept else 'hit'}[/]")
            continue
        about = estimates[ref]
        numbers = _time(about.seconds), _bytes(about.memory), _bytes(about.disk)
        table.add_row(ref.title, "[cyan]run[/]", *numbers)
    console.print(table)
    if not estimates:
        console.print("\nEverything is there already; a run takes what starting Prefect takes.")
        return
    unknown = sum(item.seconds is None for item in estimates.values())
    more = f", and {unknown} steps that were never run here" if unknown else ""
    console.print(
        f"\n{len(estimates)} of {len(steps)} steps to run: {_time(whole.seconds)}{more}; "
        f"{_bytes(whole.memory)} of memory, {_bytes(whole.disk)} on disk."
    )


def _time(seconds: "Interval | None") -> str:
    """`40-70 s`, `5-9 min`, `2.5-4.0 h`."""
    units = ((1, "s", 100, 0), (60, "min", 100, 0), (3600, "h", float("inf"), 1))
    return _between(seconds, units)


def _bytes(count: "Interval | None") -> str:
    """`3-5 MB`, `0.8-1.2 GB`."""
    return _between(count, ((1e6, "MB", 1000, 0), (1e9, "GB", float("inf"), 1)))


def _between(value: "Interval | None", units: Sequence[tuple[float, str, float, int]]) -> str:
    """From low to high, in the first unit that is large enough; a single number where both are one."""
    if value is None:
        return "?"
    size, unit, _, digits = next(item for item in units if value.high / item[0] < item[2])
    show: Callable[[float], str] = lambda number: f"{number / size:,.{digits}f}"  # noqa: E731
    low, high = show(value.low), show(value.high)
    return f"{high} {unit}" if low == high else f"{low}–{high} {unit}"
