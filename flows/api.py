"""Headwater from Python: run a recipe, have its scores as a frame, ask a model that it made.

import headwater

run = headwater.run("recipe.yaml", {"seed": 2})
run.scores
headwater.load_model("mine-topics@champion").predict([{"text": "…"}])
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.exits import begin
from flows.recipe.recipe import Recipe

if TYPE_CHECKING:
    from flows.commands.results import Result
    from models.interfaces.served import Served
    from tasks.running.flow_run import FlowRun

_SCORES = {
    "entry": pl.String,
    "mode": pl.String,
    "labels": pl.Int64,
    "grid": pl.Boolean,
    "seeds": pl.List(pl.Int64),
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "seconds": pl.Float64,
    "status": pl.String,
    "reason": pl.String,
}


@dataclass(frozen=True)
class Run:
    """What became of a run."""

    flow: "FlowRun"
    error: str | None
    """Which steps failed and why; the others have finished."""

    @property
    def run_id(self) -> str:
        """Its run in MLflow, below which those of its steps are."""
        return self.flow.context.parent_id

    @cached_property
    def results(self) -> "list[Result]":
        """Each score with its interval, and pretrainings."""
        from flows.commands import results

        return results.of(self.flow)

    @cached_property
    def scores(self) -> pl.DataFrame:
        """A row for each entry, number of labels (null is all) and mode, with the headline metric on test rows and its
        95 % interval."""
        rows = [{name: getattr(item, name) for name in _SCORES} for item in self.results if item.mode]
        return pl.DataFrame(rows, schema=_SCORES)

    @property
    def report(self) -> Path | None:
        """The page at the end, if it was made."""
        from flows.commands import outcome

        return outcome.report_of(self.flow)


def run(recipe: Recipe | Path | str, overrides: Mapping[str, Any] = {}, only: Sequence[str] = ()) -> Run:
    """Runs a recipe in this process, as `headwater run` does; what is there already is not made again.

    Steps run in processes that import the script anew: call it below `if __name__ == "__main__":`.

    Args:
        recipe: a recipe, or the path of one.
        overrides: settings to change, by their dotted path; for a recipe that is read here.
        only: entries or steps to run, with what they need; all by default.

    Raises:
        RecipeError: what is wrong before the first step.
        HeadwaterError: the run could not begin.
    """
    from flows.commands.run import executed

    begin()
    path = Path(recipe.name) if isinstance(recipe, Recipe) else Path(recipe)
    loaded = recipe if isinstance(recipe, Recipe) else Recipe.load(path, overrides)
    loaded.check(only)
    finished, error = executed(loaded, path, dict(overrides), only)
    return Run(finished, None if error is None else str(error))


def load_model(model: str) -> "Served":
    """A model to ask: its `predict` takes rows as mappings and gives an answer for each.

    Args:
        model: `name@alias`, a `models:/` URI, or a folder.

    Raises:
        RecipeError: there is no such model.
    """
    from flows.commands.predict import opened

    begin()
    return opened(model)
