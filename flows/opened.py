"""The run of a recipe, with all that its pages show of it."""

from contextlib import AbstractContextManager

from flows.recipe.description import described
from flows.recipe.recipe import Recipe
from tasks.running.flow_run import FlowRun, Shown, flow_run


def opened(recipe: Recipe) -> AbstractContextManager[FlowRun]:
    """Opens the run of a checked recipe in the current Prefect flow run, as `flow_run` has it.

    Raises:
        RunFailed: at the end, when a step failed; the others have finished.
        StoreError: MLflow does not answer.
    """
    return flow_run(recipe.name, recipe.machine, Shown(recipe.text(), recipe.settings(), described(recipe)))
