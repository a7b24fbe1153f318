"""The flow run's own page in MLflow: what came out, in words and figures, and every step with a link."""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from models.data.counts import so_many
from models.errors import HeadwaterError
from tasks.graph import refs
from tasks.graph.step import step_of
from tasks.running.execution import Outcome, RunContext
from tasks.running.means import over_seeds
from tasks.running.progress import LOG
from tasks.storage import artifacts, runs
from tasks.storage.entry_runs import entry_runs

SCORES = "scores.json"
"""The scores as a table that MLflow shows."""
_BOUNDS = ("", "_low", "_high")


def headline(outcome: Outcome) -> str:
    """Name of the metric that says most about what a step made; empty where there is none."""
    name = step_of(outcome.ref).headline(outcome.ref)
    return name if name in (outcome.metrics or {}) else ""


def described(outcome: Outcome) -> dict[str, Any]:
    """A step of a flow run and what became of it, for scripts."""
    about = outcome.ref.about
    return {
        "name": outcome.ref.name,
        "title": outcome.ref.title,
        "step": outcome.ref.step,
        "entry": about.downstream or about.upstream or None,
        "upstream": about.upstream or None,
        "mode": about.mode or None,
        "labels": about.labels,
        "seed": about.seed,
        "grid": about.grid,
        "status": outcome.status,
        "seconds": round(outcome.seconds, 3),
        "headline": headline(outcome) or None,
        "metrics": outcome.metrics or {},
        "key": outcome.ref.key,
        "run_id": outcome.run_id or None,
        "reason": outcome.reason or None,
    }


class FrontPage:
    """The MLflow run of a flow run, as it is shown first."""

    def __init__(self, context: RunContext) -> None:
        self._context, self._run_id = context, context.parent_id

    def open(self, text: str, settings: Mapping[str, str]) -> None:
        """Keep the recipe, as a file and setting by setting."""
        runs.keep_text(self._run_id, text, runs.RECIPE)
        runs.log_parameters(self._run_id, settings)

    def close(self, outcomes: Sequence[Outcome], status: str) -> None:
        """Show what came out, and end the run and those of the entries.

        Where the store is what failed, the error that ended the flow matters more than this page.
        """
        failed = [outcome for outcome in outcomes if outcome.status == "failed"]
        try:
            self._show(outcomes)
            context = self._context
            entry_runs(context.experiment_id, context.parent_id, context.flow_run_id).close(
                functools.partial(_status_of, outcomes, status)
            )
            reasons = "; ".join(f"{item.ref.title}: {item.reason}" for item in failed)
            runs.close(self._run_id, status, reasons)
        except HeadwaterError as error:
            LOG.warning("the flow's run could not be closed in MLflow: %s", error)

    def _show(self, outcomes: Sequence[Outcome]) -> None:
        scores = [item for item in outcomes if isinstance(item.ref, refs.Scores) and headline(item)]
        single = over_seeds([item for item in scores if not item.ref.about.grid])
        report = next(
            (item for item in outcomes if isinstance(item.ref, refs.Report) and _is_there(item)), None
        )
        words = self._keep_report(report) if report else []
        lines = [*_failures(outcomes), *words, *_table_of(single), *self._table_of_steps(outcomes)]
        runs.describe(self._run_id, lines, "steps.md")
        runs.keep_text(self._run_id, json.dumps([described(item) for item in outcomes], indent=1), runs.STEPS)
        if scores:
            runs.log_table(self._run_id, [_row(item) for item in scores], SCORES)
            runs.log(self._run_id, {name: value for item, _ in single for name, value in _points(item)})

    def _keep_report(self, outcome: Outcome) -> list[str]:
        """The report as a file of this run, and its gains as metrics; what it says first."""
        folder = artifacts.files(outcome.ref)
        runs.keep_file(self._run_id, folder / "index.html", "report")
        for labels, gains in _gains(folder):
            runs.log(self._run_id, gains, step=labels)
        summary = folder / "summary.md"  # a report that was kept from earlier code may have none
        return [*summary.read_text(encoding="utf-8").splitlines(), ""] if summary.is_file() else []

    def _table_of_steps(self, outcomes: Sequence[Outcome]) -> Iterator[str]:
        first = sorted(outcomes, key=lambda outcome: outcome.status != "failed")
        yield from ("", "| step | | seconds | MLflow run |", "|---|---|---:|---|")
        of_shards = [item for item in outcomes if item.ref.title_of_shards and _is_there(item)]
        for title in dict.fromkeys(item.ref.title_of_shards for item in of_shards):
            alike = [item for item in of_shards if item.ref.title_of_shards == title]
            made = [item.seconds for item in alike if item.status == "run"]
            yield f"| {title}, {so_many(len(alike), 'shard')} | {len(made)} run | {sum(made):.1f} | |"
        for item in first:
            if item.ref.title_of_shards and _is_there(item):
                continue
            place = item.reason.replace("|", "/")
            if item.run_id:
                url = runs.run_url(self._context.experiment_id, item.run_id)
                place = f"[{item.run_id[:8]}]({url})"
            yield f"| {item.ref.title} | {item.status} | {item.seconds:.1f} | {place} |"


def _is_there(outcome: Outcome) -> bool:
    return outcome.status in ("hit", "run")


def _status_of(outcomes: Sequence[Outcome], status: str, entry: str) -> str:
    """How an entry has ended: as the flow run has, but for a failure of others."""
    if status != runs.FAILED:
        return status
    own = [outcome for outcome in outcomes if outcome.ref.about.entry == entry]
    return runs.FINISHED if own and all(map(_is_there, own)) else runs.FAILED


def _failures(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for item in outcomes:
        if item.status == "failed":
            yield f"- **{item.ref.title} failed**: {item.reason}"
            yield ""


def _table_of(scores: Sequence[tuple[Outcome, tuple[int, ...]]]) -> Iterator[str]:
    """Every score with its interval; of several seeds their mean."""
    if not scores:
        return
    yield from ("| entry | mode | labels | metric | test score |", "|---|---|---:|---|---|")
    for item, seeds in scores:
        row = _row(item)
        several = f", mean of {len(seeds)} seeds" if len(seeds) > 1 else ""
        yield (
            f"| {row['entry']} | {row['mode']} | {row['labels']} | {row['metric']} "
            f"| {row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f}){several} |"
        )


def _row(item: Outcome) -> dict[str, Any]:
    """A score as a row of the table."""
    about, name, metrics = item.ref.about, headline(item), item.metrics or {}
    return {
        "entry": about.downstream,
        "upstream": about.upstream,
        "mode": about.mode,
        "labels": "all" if about.labels is None else about.labels,
        "seed": about.seed,
        "metric": name.removeprefix("test/"),
        **{bound.strip("_") or "value": metrics[name + bound] for bound in _BOUNDS},
        "seconds": round(item.seconds, 1),
        "run_id": item.run_id,
    }


def _points(item: Outcome) -> Iterator[tuple[str, float]]:
    """`score/<entry>/<mode>/<labels>/<metric>` with its interval: what MLflow's compare page puts side by side."""
    row = _row(item)
    for bound in _BOUNDS:
        name = f"score/{row['entry']}/{row['mode']}/{row['labels']}/{row['metric']}{bound}"
        yield name, row[bound.strip("_") or "value"]


def _gains(report: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """At each number of labels `gain/<entry>/<metric>` with its interval: transfer minus scratch."""
    gains = json.loads((report / "gains.json").read_text(encoding="utf-8"))
    for name, sizes in gains.get("scratch", {}).items():
        for labels, metrics in sorted(sizes.items(), key=lambda item: int(item[0])):
            yield (
                int(labels),
                {
                    f"gain/{name}/{metric}{bound}": gain[bound.strip("_") or "value"]
                    for metric, gain in metrics.items()
                    for bound in _BOUNDS
                },
            )
