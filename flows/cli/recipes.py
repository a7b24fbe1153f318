"""Commands on a recipe."""

import typer

from flows import exits
from flows.cli.arguments import AsJson, Only, RecipePath, Settings, names

app = typer.Typer()


@app.command()
@exits.answered
def run(recipe: RecipePath, only: Only = [], settings: Settings = [], as_json: AsJson = False) -> int:
    """Run a recipe.

    It runs in this process and ends with a table of its steps. What is there already is not made again.

    \b
    Examples:
      headwater run recipes/demo.yaml
      headwater run recipes/demo.yaml --only pretrain
      headwater run recipes/demo.yaml --set upstreams.mlm.train.tokens=500000
      headwater run recipes/demo.yaml --json > result.json
    """
    from flows.commands.run import run
    from flows.recipe import overrides

    return run(recipe, overrides.parse(settings), names(only), as_json=as_json)


@app.command()
@exits.answered
def plan(recipe: RecipePath, only: Only = [], settings: Settings = [], as_json: AsJson = False) -> int:
    """Show what a run would do.

    It lists each step, whether it is there already, and about how long the others take. Nothing runs.

    \b
    Examples:
      headwater plan recipes/korean.yaml
      headwater plan recipes/korean.yaml --only classification
    """
    from flows.commands.plan import plan
    from flows.recipe import overrides

    return plan(recipe, overrides.parse(settings), names(only), as_json=as_json)
