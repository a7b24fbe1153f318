"""`headwater why`: what has changed since a step last ran."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from flows import terminal
from flows.commands import steps
from flows.recipe.recipe import Recipe
from models.data.counts import so_many
from tasks.storage import changes, connection
from tasks.storage.changes import Answer, Cause, Change

_COMMIT = re.compile(r"((?:.+@)?)([0-9a-f]{40})")
_LINES = 40
"""Of one module that are shown."""
_COLUMNS = 78
_SHARDS = 8
"""Shards of a step that are named one by one."""
_WIDTH = 56
"""Characters of a value that are shown."""


def why(path: Path, overrides: dict[str, Any], step: str, *, as_json: bool) -> int:
    """Say of each step that `step` names whether it is there, else what has changed; gives the exit code.

    Raises:
        RecipeError: for what a run would find before its first step, or a step that the recipe does not have.
        StoreError: MLflow does not answer.
    """
    recipe = Recipe.load(path, overrides)
    experiment = connection.known_experiment(recipe.name)
    answers = [changes.since(ref, experiment) for ref in steps.named(steps.of_recipe(recipe), step)]
    if as_json:
        print(json.dumps([_document(answer) for answer in answers], ensure_ascii=False, indent=2))
        return 0
    console = terminal.console(highlight=False)
    for line in _shown(answers):
        console.print(Text(terminal.printable(line)), soft_wrap=True)
    return 0


def _shown(answers: Sequence[Answer]) -> list[str]:
    """What is said; steps to run for the same reasons are said together, and hits not where others are to run."""
    alike: dict[Any, list[Answer]] = {}
    running = [answer for answer in answers if answer.status != "hit"]
    for answer in running or answers:
        causes = tuple((cause.change.same, cause.path) for cause in answer.causes)
        own = answer.ref.title_of_shards or (answer.run and answer.run.run_id)
        alike.setdefault((answer.status, causes or own), []).append(answer)
    lines = [line for group in alike.values() for line in _group(group)]
    if running and (there := len(answers) - len(running)):
        lines.append(f"{there} more of that name {'is' if there == 1 else 'are'} there: hit")
    return lines


def _group(answers: Sequence[Answer]) -> list[str]:
    first = answers[0]
    titles = [answer.ref.title for answer in answers]
    if len(answers) > _SHARDS and first.ref.title_of_shards and first.status in ("hit", "new"):
        status = "hit" if first.status == "hit" else "to run; nothing was ever made for them"
        return [f"{first.ref.title_of_shards}, {so_many(len(answers), 'shard')}: {status}"]
    if first.status == "hit" and first.run:
        return [f"{title}: hit, of {_run(answer)}" for title, answer in zip(titles, answers, strict=True)]
    if first.status == "new":
        return [f"{title}: to run; nothing was ever made for it" for title in titles]
    lines = [
        f"{title}: to run; the newest is of {_run(answer)}"
        for title, answer in zip(titles, answers, strict=True)
    ]
    return [*lines, *(line for cause in first.causes for line in cause_lines(cause))]


def _run(answer: Answer) -> str:
    run = answer.run
    assert run is not None, "only a step that was never made has no run"
    return f"run {run.run_id[:12]}" + (f", kept: {answer.kept}" if answer.kept else "")


def cause_lines(cause: Cause) -> list[str]:
    """A change, where it is, and the lines that differ."""
    where, said = " <- ".join(cause.path), said_of(cause.change)
    line = f"input {where}: {said}" if where else said
    head = [f"input {where}:", f"  {said}"] if where and len(line) > _COLUMNS else [line]
    lines = [f"  {line}" for line in cause.change.lines[:_LINES]]
    if (more := len(cause.change.lines) - _LINES) > 0:
        lines.append(f"  … and {more} more lines")
    return [f"  {line}" for line in (*head, *lines)]


def said_of(change: Change) -> str:
    """A change in one line."""
    old, new = change.old, change.new
    if change.kind == "module":
        how = "is new in it" if old is None else "is no longer in it" if new is None else "changed"
        unseen = "" if change.lines or None in (old, new) else ", its lines of then are not kept"
        return f"module {change.name} {how}{unseen}"
    if change.kind == "file":
        how = "was added" if old is None else "is gone" if new is None else "changed"
        return f"file {change.name} {how}"
    if change.kind == "field" and (moved := _moved(old, new)):
        return f"{change.kind} {change.name}: the hub's branch moved, {moved}"
    if change.kind in ("files", "unknown"):
        return change.name
    if change.kind == "input":
        return (
            f"{change.name} was added: {new}" if old is None else f"{change.name} is gone or another: {new}"
        )
    return f"{change.kind} {change.name}: {_value(old)} -> {_value(new)}"


def _moved(old: Any, new: Any) -> str:
    """From which commit of the hub to which; empty where these are not two of one name."""
    found = [_COMMIT.fullmatch(value) if isinstance(value, str) else None for value in (old, new)]
    before, after = found
    if before is None or after is None or before[1] != after[1]:
        return ""
    return f"{before[2][:12]} -> {after[2][:12]}"


def _value(value: Any) -> str:
    """A value of a setting, a long one by its beginning."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    short = text[:12] if isinstance(value, str) and len(value) == 64 else text
    return short if len(short) <= _WIDTH else f"{short[:_WIDTH]}…"


def _document(answer: Answer) -> dict[str, Any]:
    run = answer.run
    return {
        "step": answer.ref.title,
        "name": answer.ref.name,
        "status": answer.status,
        "key": answer.ref.key,
        "run_id": run and run.run_id,
        "kept": answer.kept or None,
        "causes": [
            {
                "kind": cause.change.kind,
                "name": cause.change.name,
                "old": cause.change.old,
                "new": cause.change.new,
                "path": list(cause.path),
                "lines": list(cause.change.lines),
            }
            for cause in answer.causes
        ],
    }
