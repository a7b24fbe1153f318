"""`headwater keep`: an older artifact counts for a new key, because somebody says so and why."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows import terminal
from flows.commands import steps
from flows.commands.why import cause_lines, said_of
from flows.recipe.recipe import Recipe
from models.errors import RecipeError
from tasks.graph.refs import Ref
from tasks.storage import artifacts, changes, connection, kept, runs
from tasks.storage.changes import Answer

_MOST = 1000
"""Characters of a reason."""


def keep(path: Path, overrides: dict[str, Any], names: Sequence[str], reason: str) -> int:
    """Let the newest artifact of each step count for its key of now, and say what has changed; gives the exit code.

    Raises:
        RecipeError: no reason is given, a step is there already, or has no older artifact; then nothing is kept.
    """
    said = " ".join(reason.split())
    if not said or len(said) > _MOST:
        raise RecipeError(
            f"say in at most {_MOST:,} letters why what has changed does not matter: --reason TEXT"
        )
    recipe, asked = _asked(path, overrides, names)
    experiment = connection.experiment(recipe.name)
    found = [_older(ref, experiment) for ref in asked if artifacts.look_up(ref) is None]
    if not found:
        raise RecipeError(f"{', '.join(names)}: already there, a hit; there is nothing to keep")
    for answer in found:
        _keep(answer, experiment, said)
        run_id = answer.run.run_id if answer.run else ""
        print(f"{answer.ref.title}: kept, the artifact of run {run_id[:12]}. Not as it was then:")
        for line in (line for cause in answer.causes for line in cause_lines(cause)):
            print(terminal.printable(line))
    return 0


def take_back(path: Path, overrides: dict[str, Any], names: Sequence[str]) -> int:
    """Take back what was decided of each step; gives the exit code.

    Raises:
        RecipeError: nothing was.
    """
    _, asked = _asked(path, overrides, names)
    standing = kept.decisions()
    found = {item.record.run_id: (ref, item) for ref in asked for item in kept.of(ref, standing)}
    if not found:
        raise RecipeError(f"{', '.join(names)}: nothing is kept, so that nothing can be taken back")
    for ref, decision in found.values():
        made = kept.undo(decision)
        more = f"; {made} that were made from it no longer count" if made else ""
        print(f"{ref.title}: the artifact of run {decision.run_id[:12]} is no longer kept{more}")
    return 0


def _asked(path: Path, overrides: dict[str, Any], names: Sequence[str]) -> tuple[Recipe, list[Ref]]:
    """The recipe, and the steps that are named, each after what it needs."""
    recipe = Recipe.load(path, overrides)
    every = steps.of_recipe(recipe)
    named = {ref for name in names for ref in steps.named(every, name)}
    return recipe, [ref for ref in every if ref in named]


def _older(ref: Ref, experiment: str) -> Answer:
    """The newest artifact of a step, and what has changed since.

    Raises:
        RecipeError: there is none whose files are there.
    """
    run = changes.newest(ref, experiment)
    if run is not None and runs.KEPT in run.tags:
        run = runs.get(run.tags[runs.KEPT])  # what was kept before is what was made then
    if run is None:
        raise RecipeError(f"{ref.title}: nothing was ever made for it, so that there is nothing to keep")
    if not artifacts.intact(run.run_id):
        raise RecipeError(
            f"{ref.title}: the files of its newest artifact, of run {run.run_id[:12]}, are gone"
        )
    return changes.since_run(ref, run, experiment)


def _keep(answer: Answer, experiment: str, reason: str) -> None:
    ref, run = answer.ref, answer.run
    assert run is not None, "an older artifact has a run"
    listed = artifacts.manifest_of(run.run_id) or {"files": []}
    changed = [": ".join([*filter(None, [" <- ".join(c.path)]), said_of(c.change)]) for c in answer.causes]
    record = kept.keep(experiment, ref, run, listed["files"], reason, changed)
    if artifacts.look_up(ref) is None:
        (decision,) = (item for item in kept.decisions({ref.key}) if item.record.run_id == record)
        kept.undo(decision)
        raise RecipeError(f"{ref.title}: what it did outside its artifact is no longer there; run it again")
