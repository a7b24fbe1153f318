"""Commands on what has run."""

from typing import Annotated

import typer

from flows import exits
from flows.cli.arguments import AsJson, Only, names

app = typer.Typer()


@app.command()
@exits.answered
def trace(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN_ID",
            help="An MLflow run of predict, score or adapt: `run --steps` and MLflow's pages show them.",
        ),
    ],
    row: Annotated[
        str,
        typer.Argument(metavar="ROW_ID", help="ID of a test row, as predictions and the report show it."),
    ],
    as_json: AsJson = False,
) -> int:
    """Show where a test prediction comes from.

    It follows the prediction back to its row with file and line, the part the row is of, the models and the
    tokenizer, and the files of the pretraining corpus, each with its MLflow run. It needs no recipe, only what MLflow
    holds. Of a run's id the first digits will do. Given the run of a whole recipe, with which
    the address at the end of `run` ends, it lists those of its predictions.

    \b
    Examples:
      headwater trace 3f2a91c07b1e test:4512
      headwater trace 3f2a91c07b1e test:4512 --json
    """
    from flows.commands.trace import trace

    return trace(run, row, as_json=as_json)


@app.command()
@exits.answered
def compare(
    a: Annotated[str, typer.Argument(metavar="RUN", help="A flow run, or a run of adapt, predict or score.")],
    b: Annotated[str, typer.Argument(metavar="RUN", help="Another of the same kind.")],
    as_json: AsJson = False,
) -> int:
    """Show in what two runs differ.

    Which settings, code and libraries differ, and for each score that both have the difference, the second run minus
    the first, with its 95 % interval paired on the test rows that both have scored: better, worse or not told apart.
    Of a run's id the first digits will do.

    \b
    Examples:
      headwater compare 3f2a91c07b1e 91c07b1e3f2a
      headwater compare 3f2a91c07b1e 91c07b1e3f2a --json
    """
    from flows.commands.compare import compare

    return compare(a, b, as_json=as_json)


@app.command()
@exits.answered
def reproduce(
    run: Annotated[str, typer.Argument(metavar="RUN_ID", help="A flow run, or the run of one step.")],
    only: Only = [],
    within: Annotated[
        float, typer.Option(metavar="NUMBER", min=0, help="By how much scores may be apart.")
    ] = 0.001,
    as_json: AsJson = False,
) -> int:
    """Make a run again and compare.

    From what MLflow holds: the recipe with its settings, and the code of then. It runs below a home of its own, which
    is taken away afterwards. Then bytes of files and scores are compared, and files, libraries and code named that are
    not what they were. A step is made again with all it needs. Of a run's id the first digits will do.

    Exit code 0 if the same came out, 1 if not, 2 if it cannot be tried.

    \b
    Examples:
      headwater reproduce 3f2a91c07b1e
      headwater reproduce 3f2a91c07b1e --only classification
    """
    from flows.commands.reproduce import reproduce

    return reproduce(run, names(only), within, as_json=as_json)


@app.command()
@exits.answered
def clean(
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; else it is only shown.")] = False,
    keep_days: Annotated[
        float, typer.Option(metavar="DAYS", min=0, help="Keep what is younger than so many days.")
    ] = 7,
    as_json: AsJson = False,
) -> int:
    """Delete what nothing refers to any more.

    Artifacts, failed runs, checkpoints of runs that never went on, downloaded copies, logs and Prefect's flow runs.
    Champions, what the newest run of each recipe made or found, and all that these were made from stay, and so does
    what is being computed.

    \b
    Examples:
      headwater clean
      headwater clean --yes
      headwater clean --keep-days 0 --json
    """
    from flows.commands.clean import clean

    return clean(keep_days, yes=yes, as_json=as_json)
