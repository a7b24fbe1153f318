"""`headwater plan`: what a run would find, what it would make, and what that takes."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from flows import terminal
from flows.commands.together import together
from flows.recipe.recipe import Recipe

if TYPE_CHECKING:  # these import the steps, and with them MLflow
    from flows.estimates.quantities import Estimate
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
        numbers = _time(row), _bytes(row, "memory_bytes"), _bytes(row, "disk_bytes")
        table.add_row(row["name"], f"[cyan]{row['told']}[/]", *numbers)
    console.print(table)
    running = sum(row["status"] == "run" for row in rows)
    if not running:
        console.print("\nEverything is there already; a run takes what starting Prefect takes.")
        return
    more = f", and {unknown} steps that were never run here" if unknown else ""
    memory, disk = _bytes(whole, "memory_bytes"), _bytes(whole, "disk_bytes")
    console.print(
        f"\n{running} of {len(rows)} steps to run: {_time(whole)}{more}; {memory} of memory, {disk} on disk."
    )


_UNITS = {
    "time": ((1, "s", 100, 0), (60, "min", 100, 0), (3600, "h", float("inf"), 1)),
    "size": ((1e6, "MB", 1000, 0), (1e9, "GB", float("inf"), 1)),
}
"""Each with the number below which it is used, and decimals."""


def _time(row: dict[str, Any]) -> str:
    """`40–70 s`, `5–9 min`, `2.5–4.0 h`."""
    return _between(row, "seconds", "time")


def _bytes(row: dict[str, Any], name: str) -> str:
    """`3–5 MB`, `0.8–1.2 GB`."""
    return _between(row, name, "size")


def _between(row: dict[str, Any], name: str, kind: str) -> str:
    """From low to high, in the first unit that is large enough; a single number where both are one."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if high is None:
        return "" if row.get("of_shards") else "?"
    size, unit, _, digits = next(item for item in _UNITS[kind] if high / item[0] < item[2])
    low, high = (f"{number / size:,.{digits}f}" for number in (low, high))
    return f"{high} {unit}" if low == high else f"{low}–{high} {unit}"
