"""The run of a recipe, with all that its pages show of it."""

from collections.abc import Iterable
from contextlib import AbstractContextManager

from flows.recipe.description import described
from flows.recipe.recipe import Recipe
from tasks.graph import refs
from tasks.promote import PromoteConfig
from tasks.register import RegisterConfig
from tasks.running.flow_run import FlowRun, Shown, flow_run
from tasks.storage.registry import RegisteredModel


def opened(recipe: Recipe) -> AbstractContextManager[FlowRun]:
    """Opens the run of a checked recipe in the current Prefect flow run, as `flow_run` has it.

    Raises:
        RunFailed: at the end, when a step failed; the others have finished.
        StoreError: MLflow does not answer.
    """
    return flow_run(recipe.name, recipe.machine, Shown(recipe.text(), recipe.settings(), described(recipe)))


def check_registered(targets: Iterable[refs.Ref]) -> None:
    """
    Raises:
        RecipeError: a registered model that one of the `targets` writes to is somebody else's.
    """
    for ref in targets:
        if isinstance(ref.config, PromoteConfig | RegisterConfig):
            RegisteredModel(ref.config.recipe, ref.config.entry).check()
