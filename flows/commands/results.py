"""What became of a run, as a table for people and as JSON for scripts."""

import json

from rich.table import Table

from flows import terminal
from models.errors import HeadwaterError
from tasks.graph import refs
from tasks.running.execution import Outcome
from tasks.running.flow_run import FlowRun
from tasks.running.front_page import described, headline
from tasks.storage import artifacts, runs

_STYLES = {"hit": "green", "run": "cyan", "failed": "bold red", "not run": "yellow"}


def show(run: FlowRun, error: HeadwaterError | None) -> None:
    """Print the table, why steps failed, and what to look at next."""
    console = terminal.console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("step", "", "seconds", "result", "MLflow run"):
        table.add_column(name, justify="right" if name == "seconds" else "left", no_wrap=name != "result")
    for outcome in run.outcomes.values():
        seconds = f"{outcome.seconds:,.1f}" if outcome.status == "run" else ""
        status = f"[{_STYLES[outcome.status]}]{outcome.status}[/]"
        table.add_row(outcome.ref.title, status, seconds, _shown(outcome), outcome.run_id[:12])
    console.print(table)
    for outcome in run.failures():
        console.print(
            f"{outcome.ref.title} failed: {outcome.reason}", style="red", markup=False, highlight=False
        )
    if error is not None and not run.failures():
        console.print(str(error), style="red", markup=False, highlight=False)
    for line in _next(run):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def as_json(run: FlowRun, error: HeadwaterError | None) -> str:
    """One JSON document with every step, its metrics and where its artifact is."""
    report = _report(run)
    document = {
        "recipe": run.recipe,
        "status": "failed" if error else "finished",
        "reason": str(error) if error else None,
        "flow_run_id": run.context.flow_run_id,
        "experiment_id": run.context.experiment_id,
        "run_id": run.context.parent_id,
        "report": str(artifacts.files(report.ref) / "index.html") if report else None,
        "steps": [described(outcome) for outcome in run.outcomes.values()],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


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


def _report(run: FlowRun) -> Outcome | None:
    """The run's report, if it was made."""
    made = [outcome for outcome in run.outcomes.values() if isinstance(outcome.ref, refs.Report)]
    return next((outcome for outcome in made if run.done(outcome.ref)), None)


def _next(run: FlowRun) -> list[str]:
    """What to look at next."""
    lines = [""]
    if (report := _report(run)) is not None:
        lines.append(f"Report:  {artifacts.files(report.ref) / 'index.html'}")
    if run.failures():
        lines.append("Mend what failed and run the same command again: what is finished is not made again.")
    lines.append(
        f"Next:    headwater up, then {runs.run_url(run.context.experiment_id, run.context.parent_id)}"
    )
    return lines
