"""Transfer learning, the whole chain: corpus, pretraining, downstreams, scores and one report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow

from flows.estimates.estimating import expect
from flows.graph.chain import chain, report_refs
from flows.graph.registered import check_registered
from flows.opened import opened
from flows.recipe.recipe import Recipe
from tasks.graph.refs import Ref
from tasks.running.flow_run import FlowRun


def run_chain(recipe: Recipe, only: Sequence[str], targets: Sequence[Ref]) -> FlowRun:
    """Runs the chain of a checked recipe in the current Prefect flow run; what became of its steps.

    Raises:
        RunFailed: a step failed; the others have finished.
        StoreError: MLflow does not answer.
    """
    with opened(recipe) as run:
        run.look_up([*targets, *report_refs(recipe, only, targets)])
        expect(recipe.name, recipe.machine, run)
        run.execute(targets)
        # What failed is missing from the report, which is the whole one again once a retry has mended it.
        for page in report_refs(recipe, only, [ref for ref in targets if run.done(ref)]):
            run.execute([page])
    return run


@flow(name="transfer-learning", flow_run_name="transfer-learning · {recipe.stem}")
def transfer_learning(recipe: Path, overrides: dict[str, Any] = {}, only: list[str] = []) -> None:
    """Pretrains on the corpus, carries the models over to every downstream, scores them and reports what it bought.

    Args:
        recipe: Path of the recipe, such as recipes/demo.yaml.
        overrides: Settings to change for this run, by their dotted path: {"seed": 2}.
        only: Entries or steps to run, such as classification or pretrain, with what they need; empty for all.
    """
    loaded = Recipe.load(recipe, overrides)
    loaded.check(only)
    targets = chain(loaded, only)
    check_registered(targets)
    run_chain(loaded, only, targets)
