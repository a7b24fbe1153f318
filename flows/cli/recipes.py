"""Commands on a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from flows import exits
from flows.cli import complete
from flows.cli.arguments import AsJson, Only, RecipePath, Settings, names

app = typer.Typer()


@app.command()
@exits.answered
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The project's folder; the one you are in by default.")
    ] = Path(),
    labels: Annotated[
        list[str],
        typer.Option("--labels", metavar="FILE", help="Labelled rows; its other parts are found beside it."),
    ] = [],
    text: Annotated[
        list[str],
        typer.Option("--text", metavar="GLOB", help="Plain text to pretrain a small model on."),
    ] = [],
) -> int:
    """Begin a project of your own.

    It writes a recipe, a prefect.yaml with a schedule and a .gitignore. Of files it is given it looks at format,
    columns, classes and lengths, and says what it takes them for. What is there already is never written over.

    \b
    Examples:
      headwater init tickets --labels tickets.csv --text 'docs/*.txt'
      headwater init --labels train.tsv
      headwater init
    """
    from flows.commands.init import init

    return init(folder, labels, text)


@app.command()
@exits.answered
def run(
    recipe: RecipePath,
    only: Only = [],
    settings: Settings = [],
    steps: Annotated[
        bool, typer.Option("--steps", help="End with a table of all steps, not of results.")
    ] = False,
    engine: Annotated[
        str,
        typer.Option("--on", metavar="ENGINE", help="A Ray cluster for its steps: ray://HOST:PORT."),
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Run a recipe.

    It runs in this process, or its steps on a cluster, and ends with a table of results. What is there already is not
    made again.

    \b
    Examples:
      headwater run recipes/demo.yaml
      headwater run recipes/demo.yaml --only pretrain
      headwater run recipes/demo.yaml --set upstreams.mlm.train.tokens=500000
      headwater run recipes/demo.yaml --on ray://head.example:10001
      headwater run recipes/demo.yaml --json > result.json
    """
    from flows.commands.run import run
    from flows.recipe import overrides

    given = overrides.parse(settings) | ({"engine": engine} if engine else {})
    return run(recipe, given, names(only), steps=steps, as_json=as_json)


@app.command()
@exits.answered
def plan(
    recipe: RecipePath,
    only: Only = [],
    settings: Settings = [],
    probe: Annotated[
        bool,
        typer.Option(
            "--probe/--no-probe",
            help="Time a few training steps, on a sample, of what was never run or timed here: seconds for each.",
        ),
    ] = True,
    as_json: AsJson = False,
) -> int:
    """Show what a run would do.

    It lists each step, whether it is there already, and between what time, memory and disk of the others
    will probably lie. Nothing is kept but what was timed.

    \b
    Examples:
      headwater plan recipes/korean.yaml
      headwater plan recipes/korean.yaml --only classification
      headwater plan recipes/korean.yaml --no-probe
    """
    from flows.commands.plan import plan
    from flows.recipe import overrides

    return plan(recipe, overrides.parse(settings), names(only), probe=probe, as_json=as_json)


@app.command()
@exits.answered
def why(
    recipe: RecipePath,
    step: Annotated[
        str, typer.Argument(metavar="STEP", help="A step, as `plan` shows it; several may go by one name.")
    ],
    settings: Settings = [],
    as_json: AsJson = False,
) -> int:
    """Show what has changed since a step last ran.

    Which field, file, input, module (with the lines that differ) or version of a library is not as it was when the
    newest artifact of the step was made. Where an input has changed, it says what of that, or above, changed.

    \b
    Examples:
      headwater why recipes/demo.yaml pretrain
      headwater why recipes/demo.yaml adapt/classification/finetune --set seed=2
    """
    from flows.commands.why import why
    from flows.recipe import overrides

    return why(recipe, overrides.parse(settings), step, as_json=as_json)


@app.command()
@exits.answered
def keep(
    recipe: RecipePath,
    step: Annotated[list[str], typer.Argument(metavar="STEP...", help="Steps, as `plan` shows them.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why what has changed does not matter.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take the decision back.")] = False,
    settings: Settings = [],
) -> int:
    """Use an older artifact for what a step would make now.

    For when a library was updated, say, and days of training are not to be thrown away. It says what has changed
    since the newest artifact of the step, which from now on counts as what the step would make. The decision and its
    reason stand in MLflow and in whatever is made from it, until --undo takes it back.

    \b
    Examples:
      headwater keep recipes/korean.yaml pretrain --reason "only a comment's wording"
      headwater keep recipes/korean.yaml pretrain --undo
    """
    from flows.commands.keep import keep, take_back
    from flows.recipe import overrides

    given = overrides.parse(settings)
    return take_back(recipe, given, step) if undo else keep(recipe, given, step, reason)


@app.command()
@exits.answered
def settings(
    part: Annotated[
        str,
        typer.Argument(
            metavar="[PART]",
            help="A part such as upstreams.train, a kind such as lora, or a field; all by default.",
            autocompletion=complete.parts,
        ),
    ] = "",
    as_json: AsJson = False,
    as_schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema that editors check a recipe by.")
    ] = False,
) -> int:
    """Show what a recipe may say.

    Every field with what it takes, what it is by default, and what it means.

    \b
    Examples:
      headwater settings
      headwater settings upstreams.train
      headwater settings downstreams.finetune
      headwater settings classification
      headwater settings learning_rates
      headwater settings --schema > schema.json
    """
    from flows.commands.settings import settings

    return settings(part, as_json=as_json, as_schema=as_schema)
