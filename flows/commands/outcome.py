"""What became of a run, as a table for people and as JSON for scripts."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table

from flows import terminal
from flows.commands import results
from flows.commands.results import Result
from flows.commands.together import together
from models.data.counts import so_many
from models.errors import HeadwaterError
from tasks.graph import refs
from tasks.running.execution import Outcome
from tasks.running.flow_run import FlowRun
from tasks.running.front_page import described, headline
from tasks.storage import artifacts, runs
from tasks.storage.champions import CHAMPION, Champions

_STYLES = {"hit": "green", "run": "cyan", "failed": "bold red", "not run": "yellow"}
_WIDTH = 80
_ROWS = 20
"""Results that are shown at most; the report has all of them."""
_FEW = 50
"""Test rows below which an interval is about 0.2 wide or more."""


def show(run: FlowRun, error: HeadwaterError | None, *, steps: bool) -> None:
    """Print what came out, or what became of each step; why steps failed, and what to look at next."""
    console = terminal.console()
    came_out = results.of(run)
    if steps or not came_out:
        console.print(_table_of_steps(run))
    else:
        show_results(console, came_out)
    for outcome in run.failures():
        terminal.tell(console, f"{outcome.ref.title} failed: {outcome.reason}", style="red")
    if error is not None and not run.failures():
        terminal.tell(console, str(error), style="red")
    for line in _next(run):
        terminal.tell(console, line)


def as_json(run: FlowRun, error: HeadwaterError | None) -> str:
    """One JSON document with every result, and every step with its metrics and where its artifact is."""
    report = report_of(run)
    document = {
        "recipe": run.recipe,
        "status": "failed" if error else "finished",
        "reason": str(error) if error else None,
        "flow_run_id": run.context.flow_run_id,
        "experiment_id": run.context.experiment_id,
        "run_id": run.context.parent_id,
        "report": str(report) if report else None,
        "results": [results.described(result) for result in results.of(run)],
        "steps": [described(outcome) for outcome in run.outcomes.values()],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def show_results(console: Console, every: Sequence[Result]) -> None:
    """A table for any terminal, with a word on what it leaves out."""
    shown = _most_telling(every)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("entry", "labels", "mode", "metric", "score", "seconds"):
        right = name in ("labels", "seconds")
        table.add_column(
            name,
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=name in ("labels", "seconds", "score"),
        )
    for _, group in groupby(shown, key=lambda item: (item.entry, item.grid)):
        for place, item in enumerate(group):
            table.add_row(*_row(item, first=place == 0))
    console.print(table, width=min(_WIDTH, console.width))
    if left := len(every) - len(shown):
        missing = sum(item.value is None for item in every) - sum(item.value is None for item in shown)
        without = f", {missing:,} of them without a score" if missing else ""
        console.print(
            f"and {left:,} more{without}: the report has all, --json too. Here are, of each entry, the best "
            "transfer and the best control.",
            width=min(_WIDTH, console.width),
            highlight=False,
        )
    for line in _remarks(shown):
        console.print(line, width=min(_WIDTH, console.width), highlight=False, markup=False)


def _remarks(shown: Sequence[Result]) -> Iterator[str]:
    """What to know of the scores before believing them."""
    scored = [item for item in shown if item.mode and item.value is not None]
    for entry, rows in dict.fromkeys((item.entry, item.test_rows) for item in scored):
        if rows is not None and rows < _FEW:
            yield f"{entry}: scored on {so_many(rows, 'test row')} only, too few to tell models apart."
    if any(item.low is not None and item.low == item.high for item in scored):
        yield (
            "An interval of one point stands where all test rows have the same score. It does not mean that the score "
            "is certain."
        )


def _row(item: Result, first: bool) -> tuple[str, ...]:
    entry = f"{item.entry}{' (gain grid)' if item.grid else ''}" if first else ""
    labels = "" if not item.mode else "all" if item.labels is None else f"{item.labels:,}"
    mode = item.mode or "pretraining"
    if len(item.seeds) > 1:
        mode += f", {len(item.seeds)} seeds"
    if item.value is None:
        score = "" if item.status in ("run", "hit") else f"[{_STYLES[item.status]}]{item.status}[/]"
    else:
        score = f"{item.value:.3f}"
        if item.low is not None and item.high is not None:
            score += f" \\[{item.low:.3f}, {item.high:.3f}]"
    seconds = (
        f"{item.seconds:,.1f}" if item.status == "run" else "[green]hit[/]" if item.status == "hit" else ""
    )
    return entry, labels, mode, item.metric.replace("_", " "), score, seconds


def _most_telling(every: Sequence[Result]) -> list[Result]:
    """All results where they are few; else the best of each entry, at fewer and fewer numbers of labels."""
    pretrained = [item for item in every if not item.mode]
    single = [item for item in every if item.mode and not item.grid]
    grid = [item for item in every if item.grid]
    for cells, of_grid in _shorter(single, grid):
        if len(pretrained) + len(cells) + len(of_grid) <= _ROWS:
            return [*pretrained, *cells, *of_grid]
    return [*pretrained, *_best(single, "", 1)][:_ROWS]


def _shorter(
    single: Sequence[Result], grid: Sequence[Result]
) -> Iterator[tuple[Sequence[Result], Sequence[Result]]]:
    """Fewer and fewer results, of entries and of the gain grid."""
    yield single, _best(grid, "each", 2)
    yield single, _best(grid, "ends", 2)
    yield _best(single, "each", 2), _best(grid, "ends", 2)
    yield _best(single, "most", 2), _best(grid, "most", 2)
    yield _best(single, "most", 2), _best(grid, "most", 1)
    yield _best(single, "most", 2), []
    yield _best(single, "most", 1), []


def _best(cells: Sequence[Result], at: str, count: int) -> list[Result]:
    """Of each entry, at each number of labels, at the least and the most or at the most, the best transfer and, where
    two are wanted, the best control."""
    kept: list[Result] = []
    for entry in dict.fromkeys(item.entry for item in cells):
        own = [item for item in cells if item.entry == entry]
        sizes = sorted({_size(item) for item in own})
        wanted = sizes if at == "each" else sizes[-1:] if at != "ends" else [sizes[0], sizes[-1]]
        for size in dict.fromkeys(wanted):
            here = [item for item in own if _size(item) == size]
            sides = [[item for item in here if item.is_control == control] for control in (False, True)]
            kept += [max(side, key=lambda item: item.worth) for side in sides if side][:count]
    return [item for item in cells if item in kept]


def _size(item: Result) -> float:
    return float("inf") if item.labels is None else item.labels


def _table_of_steps(run: FlowRun) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("step", "", "seconds", "result", "MLflow run"):
        table.add_column(name, justify="right" if name == "seconds" else "left", no_wrap=name != "result")
    steps = [
        {
            "name": outcome.ref.title,
            "of_shards": outcome.ref.title_of_shards,
            "status": outcome.status,
            "seconds": outcome.seconds if outcome.status == "run" else None,
            "result": _shown(outcome),
            "run": outcome.run_id[:12],
        }
        for outcome in run.outcomes.values()
    ]
    for row in together(steps, ("seconds",)):
        seconds = "" if row["seconds"] is None else f"{row['seconds']:,.1f}"
        status = f"[{_STYLES[row['status']]}]{row['told']}[/]"
        table.add_row(row["name"], status, seconds, row["result"], row["run"])
    return table


def _shown(outcome: Outcome) -> str:
    """The headline metric in words, with its interval where it has one."""
    name, metrics = headline(outcome), outcome.metrics or {}
    if not name:
        return ""
    value = f"{metrics[name]:,.0f}" if name.startswith(("rows/", "parts/")) else f"{metrics[name]:.3f}"
    if f"{name}_low" in metrics:
        value += f" [{metrics[f'{name}_low']:.3f}, {metrics[f'{name}_high']:.3f}]"
    label = name.split("/", 1)[1] if name.startswith(("rows/", "test/")) else name
    return f"{label.replace('_', ' ')} {value}".replace("[", "\\[")


def report_of(run: FlowRun) -> Path | None:
    """The page at the end, if it was made."""
    made = [ref for ref in run.targets if isinstance(ref, refs.Report) and run.done(ref)]
    return artifacts.files(made[-1]) / "index.html" if made else None


def _registered(run: FlowRun) -> Iterator[str]:
    """How the registered models of the run are asked, and a line for each that has no champion."""
    asked = []
    for outcome in run.outcomes.values():
        if not isinstance(outcome.ref, refs.Promotion) or not run.done(outcome.ref):
            continue
        told = (artifacts.read_json(outcome.run_id, name) for name in ("promotion.json", "registration.json"))
        found = next((item for item in told if item is not None), None)
        if found is None:
            continue
        if Champions(found["name"]).current is not None:
            asked.append(f"{found['name']}@{CHAMPION}")
            continue
        name, version = found["name"], found.get("best") or found["version"]
        why = found["reason"].removeprefix("not the champion: ").partition(";")[0]
        yield f"{name} has no champion: {why}; `headwater promote {name} {version}` makes version {version} it"
    if asked:
        yield f"Models:  {', '.join(asked)}"


def _next(run: FlowRun) -> list[str]:
    """What to look at next."""
    lines = ["", *_registered(run)]
    if (report := report_of(run)) is not None:
        lines.append(f"Report:  {report}")
    if run.failures():
        lines.append("Mend what failed and run the same command again: what is finished is not made again.")
    lines.append(
        f"Next:    headwater up, then {runs.run_url(run.context.experiment_id, run.context.parent_id)}"
    )
    return lines
