"""`headwater plan`: what a run would find, what it would make, and what that takes."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from flows import terminal
from flows.commands.together import together
from flows.recipe.recipe import Recipe


def plan(path: Path, overrides: dict[str, Any], only: Sequence[str], *, as_json: bool) -> int:
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
    from flows.commands.estimates import (  # these import the steps, and with them Prefect
        Estimate,
        estimate,
        total,
    )
    from flows.downstream import check_registered
    from flows.transfer import chain, report_refs
    from tasks.graph.refs import Ref, ordered
    from tasks.storage import artifacts, runs

    targets = chain(recipe, only)
    check_registered(targets)
    runs.end_killed()
    steps = ordered([*targets, *report_refs(recipe, only, targets)])
    estimates: dict[Ref, Estimate] = {}
    rows: list[dict[str, Any]] = []
    there = artifacts.look_up_all(steps)
    for ref in steps:
        made = there.get(ref)
        if made is None:
            estimates[ref] = estimate(recipe.name, ref)
        about = estimates.get(ref, Estimate(None, None, None))
        rows.append(
            {
                "name": ref.title,
                "step": ref.step,
                "shard": ref.about.shard or None,
                "of_shards": ref.title_of_shards,
                "status": "run" if made is None else "hit",
                "kept": (made and made.kept) or None,
                "seconds": about.seconds,
                "memory_bytes": about.memory,
                "disk_bytes": about.disk,
                "run_id": made.run_id if made else None,
                "key": ref.key,
            }
        )
    whole = total(estimates, recipe.machine)
    unknown = sum(item.seconds is None for item in estimates.values())
    if as_json:
        sums = {
            "seconds": whole.seconds,
            "memory_bytes": whole.memory,
            "disk_bytes": whole.disk,
            "unknown": unknown,
        }
        print(json.dumps({"recipe": recipe.name, "steps": rows, "total": sums}, ensure_ascii=False, indent=2))
    else:
        _show(rows, whole.seconds or 0, whole.memory or 0, whole.disk or 0, unknown)
    return 0


def _show(rows: Sequence[dict[str, Any]], seconds: float, memory: float, disk: float, unknown: int) -> None:
    console = terminal.console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("step", "", "time", "memory", "disk"):
        table.add_column(
            name, justify="right" if name in ("time", "memory", "disk") else "left", no_wrap=True
        )
    for row in together(rows, ("seconds", "disk_bytes")):
        there = "kept" if row["kept"] else row["told"]
        status = f"[green]{there}[/]" if row["status"] == "hit" else f"[cyan]{row['told']}[/]"
        numbers = ("", "", "") if row["status"] == "hit" else (
            _time(row["seconds"]),
            _bytes(row["memory_bytes"]),
            _bytes(row["disk_bytes"]),
        )  # fmt: skip
        table.add_row(row["name"], status, *numbers)
    console.print(table)
    running = sum(row["status"] == "run" for row in rows)
    if not running:
        console.print("\nEverything is there already; a run takes what starting Prefect takes.")
        return
    more = f", and {unknown} steps that were never run here" if unknown else ""
    console.print(
        f"\n{running} of {len(rows)} steps to run: about {_time(seconds)}{more}; "
        f"{_bytes(memory)} of memory, {_bytes(disk)} on disk."
    )


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _bytes(count: float | None) -> str:
    if count is None:
        return "?"
    return f"{count / 1e6:,.0f} MB" if count < 1e9 else f"{count / 1e9:,.1f} GB"
